"""IBM Cloud IAM's part: API keys become access tokens."""
