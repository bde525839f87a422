"""Secrets at rest, response headers, closed-by-default routes."""
