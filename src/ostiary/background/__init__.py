"""Background tasks: one process of each node does them, and leases in the database make it safe with many nodes."""
