"""The image family: its model, networks, preprocessing and what runs them."""
