"""The external stage: a target of somebody else's, which may be started here."""
