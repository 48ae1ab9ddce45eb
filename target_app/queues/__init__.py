"""A queue as the way of a grant to its row: messages, the outbox before it, what a queue can do."""
