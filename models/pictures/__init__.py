"""From the bytes of any picture to the pixels of a model's input."""
