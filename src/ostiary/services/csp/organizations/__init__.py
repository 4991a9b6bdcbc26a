"""Organizations in CSP: their roles, the organizations below them, and their groups."""
