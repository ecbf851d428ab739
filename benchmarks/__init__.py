"""Programs that measure and print a table; the tests assert none of their figures."""
