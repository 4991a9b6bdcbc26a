"""Passwords of directory users: hashes, policies, expiry, and the lock after wrong ones."""
