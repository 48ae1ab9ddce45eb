"""What the service tells of itself: metrics, structured logs, and where it can be scraped."""
