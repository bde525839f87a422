"""People: who may sign in, with which role, and how the first administrator comes to be."""
