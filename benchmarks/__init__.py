"""What akool_async costs, beside what one would otherwise run: `python -m benchmarks`."""
