"""The search for the largest load that passes: which load is tried next, and within what bounds."""
