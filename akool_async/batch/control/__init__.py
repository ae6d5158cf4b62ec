"""Commands to a run that goes on: its socket, and who calls there."""
