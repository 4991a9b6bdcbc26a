"""The Tenant Manager, as Cloud Director speaks it."""
