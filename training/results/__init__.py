"""What a run leaves: figures, answers to the held-out set, runs in MLflow, a version."""
