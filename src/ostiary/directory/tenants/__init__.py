"""Tenants and organizations: made, listed, disabled and deleted."""
