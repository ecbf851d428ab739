"""Training the table family."""
