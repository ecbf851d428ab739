"""A model's application: decode → batch → predict → encode."""
