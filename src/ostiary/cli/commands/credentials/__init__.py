"""Credentials of programs: API keys, and the SCIM tokens of provisioning clients."""
