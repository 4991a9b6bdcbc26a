"""Processes of one server: the supervisor, its workers, the background process, Envoy."""
