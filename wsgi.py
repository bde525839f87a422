"""For WSGI servers other than ``datasync web``: ``wsgi:app``."""

from datasync_flask import create_app
from datasync_flask.database import init_migrations, is_up_to_date
from datasync_flask.salesforce_connections.due_work import restart_for_moved_callbacks

app = create_app()
init_migrations(app)
if is_up_to_date(app):
    with app.app_context():
        restart_for_moved_callbacks()
