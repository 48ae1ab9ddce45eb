"""The service's parts as they are when they misbehave, a file each.

Only a service started with `APP_FAULTS=on` is built from these; any other has none of their code
on its way. Each asks `FAULTS` at the moment it could do harm.
"""
