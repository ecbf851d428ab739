"""HTTP: bodies, errors, access, the contract, metrics."""
