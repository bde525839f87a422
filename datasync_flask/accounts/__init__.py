"""People: who may sign in, with which role, and how the first administrator is created."""
