"""The command line, a module a group of commands. Each takes its settings apart and calls the domain."""
