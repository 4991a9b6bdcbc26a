"""App ID management: identity providers, second factors, and the sign-in page."""
