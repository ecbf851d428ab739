"""What the routes are given: registry, jobs, replicas, calls into other processes, answers kept for a moment."""
