"""Setting up an extraction in steps: objects, destination and schedule, review."""
