"""The programs of ``examples/``, each run as a reader runs it, and what they print."""
