"""A version beside the champion: figures, differences, promotion."""
