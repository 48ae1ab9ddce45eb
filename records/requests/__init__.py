"""What is read of a run's rows of requests: which were felt, where time went, their trace ids."""
