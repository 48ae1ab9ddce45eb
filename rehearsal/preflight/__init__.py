"""What is looked at before a request leaves, and what would be sent."""
