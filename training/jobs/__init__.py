"""Jobs: the queue on disk, who runs it, and the process of one job."""
