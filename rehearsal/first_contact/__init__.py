"""First contact with somebody's own app: what it is asked, and what is written from its answers."""
