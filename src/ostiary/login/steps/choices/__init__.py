"""Choices in a sign-in: a new password, or new details, which are stored when every factor is proved."""
