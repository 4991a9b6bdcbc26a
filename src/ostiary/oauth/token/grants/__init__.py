"""Grants of the token endpoint, one module each: each checks a credential and says for whom tokens may be issued."""
