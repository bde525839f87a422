"""The HTTP API, and settings as data: the values of the forms, without pages and secrets."""
