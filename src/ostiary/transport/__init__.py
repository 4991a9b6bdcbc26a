"""Path of a request: how it is received and how its answer is sent (docs/request-path.md)."""
