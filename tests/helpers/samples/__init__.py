"""Pictures and versions that tests work on."""
