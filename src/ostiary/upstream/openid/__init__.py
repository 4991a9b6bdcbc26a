"""OpenID Connect providers, Google among them: a tenant is their relying party."""
