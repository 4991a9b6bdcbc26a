"""Profiles: the identities that signed in or may, their attributes, and how both are linked."""
