"""Studies: looking for better parameters with Ray Tune."""
