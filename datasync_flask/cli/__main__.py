"""``python -m datasync_flask.cli``: the ``datasync`` command, for processes that are started separately."""

from datasync_flask.cli import main

main()
