"""A server of the Model Context Protocol (MCP): what Akool offers, as tools for agents.

`akool mcp` runs it. It needs the extra `mcp`. `rules.py` says what an agent may do; `toolbox.py`
makes the tools from the classes of endpoints; `serving.py` carries them by stdio or HTTP.
"""
