"""App ID management: profiles, their attributes and roles, and what was recorded of them."""
