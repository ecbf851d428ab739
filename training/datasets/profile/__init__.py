"""What is in a file that somebody brings: columns or classes, what is suspicious, and what a model could answer."""
