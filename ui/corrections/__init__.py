"""Saying what a picture really is, for the next training."""
