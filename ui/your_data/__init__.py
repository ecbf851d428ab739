"""The Your data screen: from a file to a model that answers."""
