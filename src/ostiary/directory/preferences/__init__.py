"""Preferences: values that users and programs choose for themselves, by classifier."""
