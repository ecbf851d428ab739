"""What a trained version is on disk: one folder, whole or absent, here or in a bucket."""
