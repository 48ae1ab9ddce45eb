"""The write-back worker: grants made in Redis, from its stream or from a queue, become rows."""
