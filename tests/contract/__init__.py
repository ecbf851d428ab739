"""Tests of the API in the test's own process: what it takes, what it answers, what it refuses."""
