"""Home: what needs attention, how fresh the data is, what waits."""
