"""Tests that need Ray: training, tuning and batch prediction, on one Ray for all."""
