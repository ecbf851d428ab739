"""Data sets: sources of rows and images, and their splits."""
