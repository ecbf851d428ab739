"""The parts that routes depend on: registry, jobs, replicas, calls to other processes, short-lived caches."""
