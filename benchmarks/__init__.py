"""What anyjob reaches: `python -m benchmarks [names] [--quick]`, then `... report`."""
