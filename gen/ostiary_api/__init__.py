"""Messages and stubs of the proto packages `identity.…`. Generated."""
