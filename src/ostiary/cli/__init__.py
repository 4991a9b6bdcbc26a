"""Command line, one module for each group of commands. Each command reads its arguments and calls the domain."""
