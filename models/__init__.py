"""What a model is: networks, boosters, preprocessing, the checkpoint folder, the registry."""
