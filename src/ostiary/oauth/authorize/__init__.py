"""The authorization endpoint: requests, sign-in transactions, codes, discovery."""
