"""The results of a run: figures, answers to the held-out set, MLflow runs, a version."""
