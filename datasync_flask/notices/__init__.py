"""Notifications when a connection or a run needs attention, and when it works again."""
