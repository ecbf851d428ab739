"""Shared by trainings, studies and batch predictions: options, Ray, progress, errors."""
