"""Tests that need nothing: no Ray, no app that runs, no browser."""
