"""Files of this repository that tests read: documents and cluster files."""
