"""The address that an org had: it answers for the org until the org leaves, and then as what is left behind does."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_NOT_HANDED_ON = {"connection", "content-length", "transfer-encoding", "date", "server"}


class OldAddress:
    """What stands at the address; `has_left` is True from the moment at which the org isn't behind it any more."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.has_left = False
        self._part, self._left, self._answer = "", -1, dict[str, Any]()
        self._server: ThreadingHTTPServer | None = None

    def leave_after(self, part: str, count: int, **answer: Any) -> None:
        """Have the org leave after `count` more requests with `part` in their address.

        From then on every answer has this `status`, `headers` and `body`; without a status nothing listens any more.
        """
        self._part, self._left, self._answer = part, count, answer

    def note(self, path: str) -> None:
        """Count a request that the org answered."""
        if self._part and self._part in path and not self.has_left:
            self._left -= 1
            if self._left == 0:
                self.has_left = True
                if not self._answer.get("status") and self._server is not None:
                    threading.Thread(target=self._server.shutdown).start()

    @property
    def answer(self) -> tuple[int, Mapping[str, str], bytes]:
        """What comes instead of the org's answers."""
        return self._answer.get("status", 502), self._answer.get("headers", {}), self._answer.get("body", "").encode()


@contextlib.contextmanager
def old_address(practice_origin: str, host: str = "127.0.0.1") -> Iterator[OldAddress]:
    """Yield an address, called `host`, that hands requests on to the practice org until the org leaves it."""
    target = urlsplit(practice_origin).netloc

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if old.has_left:
                self.reply(*old.answer)
                return
            onward = http.client.HTTPConnection(target, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            onward.request(self.command, self.path, body, headers)
            found = onward.getresponse()
            kept = {name: value for name, value in found.getheaders() if name.lower() not in _NOT_HANDED_ON}
            content = found.read()
            onward.close()
            old.note(self.path)
            self.reply(found.status, kept, content)

        def reply(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 (as http.server calls them)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    old = OldAddress(f"http://{host}:{server.server_port}")
    old._server = server

    def serve() -> None:
        server.serve_forever(poll_interval=0.01)
        server.server_close()

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    try:
        yield old
    finally:
        server.shutdown()
        serving.join()
