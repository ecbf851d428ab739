"""Programs that measure and print a table; nothing here is asserted by the tests."""
