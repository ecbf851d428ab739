"""Tests that take minutes or need more than a machine has at hand; ``make proof`` runs them."""
