"""OpenID Connect for the whole platform."""
