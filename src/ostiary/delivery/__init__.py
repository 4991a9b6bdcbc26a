"""Messages to users: written in the transaction that causes them, then sent."""
