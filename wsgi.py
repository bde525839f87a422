"""For WSGI servers other than ``datasync web``: ``wsgi:app``."""

from datasync_flask import create_app
from datasync_flask.connections.steps import watch_moved_callbacks
from datasync_flask.database import init_migrations, is_up_to_date

app = create_app()
init_migrations(app)
if is_up_to_date(app):
    with app.app_context():
        watch_moved_callbacks()
