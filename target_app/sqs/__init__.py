"""SQS as the way of a grant to its row: the queue, its messages, and the outbox before it."""
