"""The routes of the API beside prediction, and what they are given."""
