"""Chosen objects of one org, going to one destination, on a schedule: planned, read, written, compared."""
