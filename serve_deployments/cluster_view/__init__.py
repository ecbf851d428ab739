"""What is running in Ray now, and the workload that each process belongs to."""
