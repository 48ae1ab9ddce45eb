"""What answers say: read in one place, in the forms that are meant, and kept as columns."""
