"""Sessions, the refresh tokens and grants that hang on them, and their revocation."""
