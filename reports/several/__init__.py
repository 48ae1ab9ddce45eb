"""What several runs of one plan tell: whether it held in all, how far they are apart, a history."""
