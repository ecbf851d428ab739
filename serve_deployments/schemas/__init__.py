"""The shapes of the replies, as OpenAPI shows them."""
