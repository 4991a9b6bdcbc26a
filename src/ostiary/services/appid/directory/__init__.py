"""App ID management: users of the Cloud Directory, their passwords, exports and imports."""
