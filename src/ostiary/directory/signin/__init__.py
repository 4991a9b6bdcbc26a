"""Sign-in with a password: limits, the check, and whether the user is let in."""
