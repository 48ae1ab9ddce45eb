"""The history: what each run came to, kept beside the others of its plan and machine."""
