"""From rows to jobs: which rows are sent, when, and what the journal knows of them."""
