"""Jobs: the queue on disk, its supervisor, and the process of one job."""
