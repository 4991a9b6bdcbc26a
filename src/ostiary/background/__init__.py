"""Work that no request waits for: one process a node does it, and leases in the database make it safe with many."""
