"""Bounds of requests: what the protos allow in a field, and the check of a decoded request against it."""
