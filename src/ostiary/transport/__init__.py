"""How a request comes in and its answer goes out: the one path (docs/request-path.md)."""
