"""SQLite and PostgreSQL: opening them, connections, turns of writers, and what the errors of drivers mean."""
