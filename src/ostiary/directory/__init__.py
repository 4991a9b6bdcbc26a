"""The directory: tenants, people, groups and roles."""
