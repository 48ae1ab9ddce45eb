"""SQS as a queue of grants."""
