"""gunicorn, configured from the settings instead of its own file."""

from __future__ import annotations

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from datasync_flask.config import Settings


class WebServer(BaseApplication):  # type: ignore[misc]
    """Serves one app with threads: most requests are polls that read one row."""

    def __init__(self, app: Flask, settings: Settings, processes: int) -> None:
        self._app, self._settings, self._processes = app, settings, processes
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn where and how to listen."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options = {
            "bind": f"{host}:{self._settings.port}",
            "worker_class": ThreadWorker,
            "workers": self._processes,
            "threads": self._settings.web_threads,
            "timeout": 60,
            "graceful_timeout": 5,
            "keepalive": 30,
            "proc_name": "datasync web",
            "loglevel": "warning",
            # gunicorn would create one socket in the home folder, which two servers would share.
            "control_socket_disable": True,
        }
        for name, value in options.items():
            # Older gunicorns have no control socket.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app that was created and checked before."""
        return self._app
