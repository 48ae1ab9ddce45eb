"""The commands of `rehearse`: each module adds one to the parser and carries it out."""
