"""What runs in Ray right now, and which workload it belongs to."""
