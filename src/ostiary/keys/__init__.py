"""Keys: those that sign tokens, and those that seal secrets at rest."""
