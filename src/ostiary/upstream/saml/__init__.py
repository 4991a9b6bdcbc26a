"""SAML 2.0: a tenant as a service provider, and the identity provider whose assertions it takes."""
