"""A tenant's configuration documents."""
