"""Keys: what signs tokens, and what seals secrets at rest."""
