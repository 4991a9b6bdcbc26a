"""Passkeys in a sign-in: what asks for them, and the one in place of name and password."""
