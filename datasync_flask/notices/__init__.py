"""Notices: somebody is told when a connection or a run needs them, and when it works again."""
