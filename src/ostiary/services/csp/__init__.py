"""The VMware Identity Service, as the Cloud Services Platform speaks it."""
