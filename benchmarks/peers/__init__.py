"""The peers of the benchmarks: the same models behind other servers, and without a server."""
