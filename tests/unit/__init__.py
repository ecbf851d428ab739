"""Tests that need nothing: no Ray, no running app, no browser."""
