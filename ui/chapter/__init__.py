"""The Chapter screen."""
