"""IBM Cloud App ID v4."""
