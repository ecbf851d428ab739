"""Models that users add and delete while the app runs: one owner deploys their applications and removes their data."""
