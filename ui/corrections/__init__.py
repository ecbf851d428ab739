"""Corrections of answers, for the next training."""
