"""Clients: registered, authenticated, and where they may send browsers to."""
