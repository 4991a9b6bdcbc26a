"""Account: the pages on which people look after their own account."""
