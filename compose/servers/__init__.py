"""The servers of a stage: started from wheels or from the PATH, each in its own process."""
