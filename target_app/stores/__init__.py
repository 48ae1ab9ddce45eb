"""PostgreSQL and Redis as the service uses them: bounded pools, keys, constraints, restoring."""
