"""`make bench-generator`: what the generator can do and how true it is, beside its peers."""
