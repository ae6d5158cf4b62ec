"""The files of a run: how they are named and saved, which are missing, and which are whole."""
