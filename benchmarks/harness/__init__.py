"""Shared by the benchmarks: servers to measure, load, rounds, reports."""
