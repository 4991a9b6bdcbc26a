"""What leaves for people: messages, written in the transaction that causes them."""
