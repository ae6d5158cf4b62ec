"""A web backend on akool_async: photos in, photos with another age or another face out.

`python -m examples.web_backend` starts it beside a simulated Akool: nothing is paid. The file
README.md in this folder says how to use the real one.
"""
