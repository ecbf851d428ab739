"""Read CSV files of many origins, and refuse what is ambiguous."""
