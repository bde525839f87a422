"""``python -m datasync_flask.cli``: what the supervisor starts its children with."""

from datasync_flask.cli import main

main()
