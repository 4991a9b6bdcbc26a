"""The platform as an authorization server of its own: accounts, sessions, tokens, metadata."""
