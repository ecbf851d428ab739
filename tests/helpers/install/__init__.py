"""Find or install what tests need besides Python packages."""
