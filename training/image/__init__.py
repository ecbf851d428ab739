"""Training the image family."""
