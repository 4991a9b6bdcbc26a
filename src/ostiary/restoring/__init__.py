"""A restored backup: what was revoked or taken away since then stays so."""
