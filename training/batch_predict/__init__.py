"""Predictions for many pictures or rows at once, with Ray Data."""
