"""Identity providers besides the tenant's own directory: where other people's identities come from."""
