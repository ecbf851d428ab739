"""The Retrain screen."""
