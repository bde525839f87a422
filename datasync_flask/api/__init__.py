"""The HTTP API, and settings as data: what the forms hold, without pages and without secrets."""
