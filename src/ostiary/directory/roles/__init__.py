"""Roles that a tenant defines for its applications, and the fixed ones of an organization."""
