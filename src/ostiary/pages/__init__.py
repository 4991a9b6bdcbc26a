"""Pages that people see in a browser: how they look, in which language, and the headers that protect them."""
