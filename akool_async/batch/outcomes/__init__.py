"""What became of rows: a value for each, in the journal and in the files that derive from it."""
