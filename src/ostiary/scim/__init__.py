"""SCIM 2 resources and filters (RFC 7643, RFC 7644), over the directory."""
