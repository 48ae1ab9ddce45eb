"""The conductor and the command line: calls the rooms in order, and nothing else."""
