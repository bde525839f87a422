"""Something between DataSync and an object store that refuses single requests, as a store does with fewer rights."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Method and path; returns the status and code of a refusal, or nothing.
Rule = Callable[[str, str], tuple[int, str] | None]


@contextlib.contextmanager
def refusing(rule: Rule, store_port: int = 0, *, ignores: str = "") -> Iterator[str]:
    """Yield the address of a server that refuses by `rule` and hands the rest on; `ignores` is a condition (a
    header) that it takes for met.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            refusal = rule(self.command, self.path)
            if refusal is not None:
                status, code = refusal
                answer = f"<Error><Code>{code}</Code><Message>Told by the store.</Message></Error>".encode()
                self.answer(status, {}, answer if code else b"")
                return
            # Signed is the host as well: it goes on as it came.
            onward = http.client.HTTPConnection("127.0.0.1", store_port, timeout=60)
            onward.request(self.command, self.path, body, dict(self.headers))
            found = onward.getresponse()
            kept = {name: value for name, value in found.getheaders() if name.lower() not in {"connection", "date"}}
            if found.status == HTTPStatus.PRECONDITION_FAILED and ignores in self.headers:
                self.answer(200, {"ETag": '"written"'}, b"")
            else:
                self.answer(found.status, kept, found.read())
            onward.close()

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            is_head = self.command == "HEAD"
            self.send_header("Content-Length", headers.get("Content-Length", "0") if is_head else str(len(body)))
            self.end_headers()
            if not is_head:
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 (as http.server calls them)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
