"""Tests of one app that runs as a person starts it."""
