"""The screens that ask a model."""
