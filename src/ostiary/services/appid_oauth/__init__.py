"""IBM Cloud App ID v4: the OAuth 2.0 and OpenID Connect runtime."""
