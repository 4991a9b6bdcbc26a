"""Calls that leave the house: every one through the same client, which decides whom they may reach."""
