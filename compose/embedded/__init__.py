"""The embedded stage: processes of this machine, no root, no Docker."""
