"""What the benchmarks share: servers to measure, load, rounds, reports."""
