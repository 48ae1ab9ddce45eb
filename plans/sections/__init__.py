"""What a plan says, a section of it a module."""
