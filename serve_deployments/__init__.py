"""Ray Serve: one file a model graph, the control API, the request and response schemas."""
