"""Migration of tenants between servers that offer App ID's management API."""
