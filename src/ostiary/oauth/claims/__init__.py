"""What tokens say: the subject, its claims, scopes, and how surely it was authenticated."""
