"""The servicers: one module a proto service, thin; they take requests apart and call the domain."""
