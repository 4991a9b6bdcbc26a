"""What the numbers are held against: the machine's own limits and other servers."""
