"""Tests of the API in the test's own process: accepted requests, replies, refusals."""
