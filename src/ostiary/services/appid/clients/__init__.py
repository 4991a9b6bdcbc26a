"""App ID management: applications, where browsers may return to, tokens, single sign-on."""
