"""The whole app in the test's process, and jobs that a test plays."""
