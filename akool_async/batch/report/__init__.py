"""The report of a run: one page beside its media, whole without scripts and without a network."""
