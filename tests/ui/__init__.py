"""Tests of the page in Chromium, in front of the API in the test's own process."""
