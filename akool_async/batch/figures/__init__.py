"""The figures of a run, from counts that change row by row."""
