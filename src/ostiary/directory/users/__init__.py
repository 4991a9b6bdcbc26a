"""Directory users: stored, changed, searched, and read from and written for callers."""
