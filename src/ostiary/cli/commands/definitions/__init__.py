"""Commands for what operators define for every organization: services with their roles, and preferences."""
