"""For WSGI servers other than ``datasync web``: ``wsgi:app``."""

from datasync_flask import create_app

app = create_app()
