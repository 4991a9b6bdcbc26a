"""Configuration documents of a tenant."""
