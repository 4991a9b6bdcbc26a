"""The steps of the path, one a concern."""
