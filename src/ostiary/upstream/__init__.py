"""Identity providers other than the tenant's own directory."""
