"""Destinations: one file per kind, behind one small interface and one registry."""
