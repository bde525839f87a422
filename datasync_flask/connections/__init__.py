"""Connections of any kind: tables, list, quick edits, labels, history, pages."""
