"""The grants of the token endpoint, a module each: how a request proves that tokens may be issued, and for whom."""
