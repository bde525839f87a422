"""Everything that can be wrong, and what is said about it."""
