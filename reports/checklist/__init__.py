"""The checklist of the evening before: what was rehearsed, what was not, and what is still open."""
