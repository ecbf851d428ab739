"""The table family: its model and its scaler."""
