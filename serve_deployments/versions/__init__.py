"""Promotion and rollback, in the registry and in every replica at once."""
