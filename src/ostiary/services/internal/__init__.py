"""Typed gRPC for services inside the installation; no REST paths."""
