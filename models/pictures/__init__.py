"""From the bytes of any picture to the pixels that a model sees."""
