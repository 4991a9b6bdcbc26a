"""What a signed-in user does with its own profile."""
