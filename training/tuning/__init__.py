"""Studies: search for better parameters with Ray Tune."""
