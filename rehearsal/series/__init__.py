"""Several performances, of one plan or of plans that differ in a key, and what they show."""
