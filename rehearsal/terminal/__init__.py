"""The terminal: what is typed there and what is shown, whatever becomes of the screen."""
