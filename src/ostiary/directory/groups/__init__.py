"""Groups of directory users, nested in each other."""
