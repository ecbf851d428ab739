"""Tests of one app, started like a user starts it."""
