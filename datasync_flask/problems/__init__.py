"""Everything that can be wrong, and the texts about it."""
