"""Outgoing calls: all of them use the same client, which decides which hosts may be reached."""
