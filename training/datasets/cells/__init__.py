"""Cells of a table's columns as values: numbers, days, true or false; and those that hold nothing."""
