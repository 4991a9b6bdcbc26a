"""The store: tables, transactions, and the queries that every aggregate is asked."""
