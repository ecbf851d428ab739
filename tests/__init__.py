"""Tests: real Ray, real Serve, a real browser. ``make test`` runs them all."""
