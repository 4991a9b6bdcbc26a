"""Moving tenants between servers that speak App ID's management API."""
