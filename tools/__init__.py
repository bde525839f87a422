"""Programs for those who work on DataSync; nothing of it is installed."""
