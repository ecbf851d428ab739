"""HTTP itself: bodies, errors, access, the contract, metrics."""
