"""Filters and paths (RFC 7644 §3.4.2.2, §3.5.2): their grammar, and what they mean in SQL and on one resource."""
