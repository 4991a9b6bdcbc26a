"""The store: tables, transactions, and the queries that the domain packages share."""
