"""How a job is shown, watched and stopped."""
