"""Tests that take minutes or need special resources; ``make proof`` runs them."""
