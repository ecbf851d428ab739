"""A trained version on disk: one folder, complete or absent, local or in a bucket."""
