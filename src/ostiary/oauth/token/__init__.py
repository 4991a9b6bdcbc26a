"""The token endpoint of tenants: its pipeline, its grants, and the signing and recording of tokens."""
