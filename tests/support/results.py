"""A server of one bulk job's result, whose lists of pages and pages can be as odd as a test wants."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JOB = "750000000000001AAA"
BASE = f"/services/data/v66.0/jobs/query/{JOB}"
PAGE_ROWS = 10

# (status, body) instead of what would be answered; None: as always.
Odd = tuple[int, str] | None


class Results:
    """What is served, and what was asked for. Page numbers start with 0."""

    def __init__(self, pages: int) -> None:
        self.pages, self.told = pages, pages * PAGE_ROWS
        self.origin = ""
        self.lock = threading.Lock()
        # "list", "page", "job" and so on; of pages also by number.
        self.asked: Counter[str] = Counter()
        self.fetched: list[int] = []
        # Those that came by a link of a list.
        self.linked: set[int] = set()
        self.open, self.most = 0, 0
        self.tokens: set[str] = set()
        self.listing: Callable[[int], Any] = self.chunks
        self.odd_page: Callable[[int], Odd] = lambda _: None
        self.rows_in_header: Callable[[int], int] = lambda _: PAGE_ROWS
        self.refuse: Callable[[str], Odd] = lambda _: None

    def numbers(self, first: int) -> range:
        """The pages of a list."""
        return range(first, min(first + 5, self.pages))

    def query(self, number: int) -> str:
        """The query of a page's link."""
        return f"locator=p{number}&maxRecords={PAGE_ROWS}&linked=1"

    def next_of(self, first: int) -> str | None:
        """The query of the list after the one that begins with `first`."""
        return f"locator=p{first + 5}" if first + 5 < self.pages else None

    def chunks(self, first: int) -> dict[str, Any]:
        """A list of pages as clients meet it."""
        links = [{"resultLink": f"/jobs/query/{JOB}/results?{self.query(n)}"} for n in self.numbers(first)]
        following = self.next_of(first)
        return {
            "resultChunks": links,
            "nextRecordsUrl": following and f"/jobs/query/{JOB}/resultPages?{following}",
            "done": following is None,
        }

    def csv(self, number: int) -> str:
        """A page."""
        lines = [f'"{row}","Row {row}"' for row in range(number * PAGE_ROWS, (number + 1) * PAGE_ROWS)]
        return "\n".join(['"Id","Name"', *lines]) + "\n"


def _handler(results: Results) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def _send(self, status: int, body: str, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_DELETE(self) -> None:
            self._send(204, "")

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            number = int(query.get("locator", "p0").removeprefix("p"))
            kind = {f"{BASE}/results": "page", f"{BASE}/resultPages": "list", BASE: "job"}.get(parts.path, "else")
            with results.lock:
                results.asked[kind] += 1
                results.tokens.add(self.headers.get("Authorization", ""))
            refusal = results.refuse(self.headers.get("Authorization", ""))
            if refusal is not None:
                self._send(*refusal)
            elif kind == "job":
                self._send(200, json.dumps({"state": "JobComplete", "numberRecordsProcessed": results.told}))
            elif kind == "list":
                found = results.listing(number)
                self._send(*(found if isinstance(found, tuple) else (200, json.dumps(found))))
            elif kind == "page":
                self._page(number, is_linked="linked" in query)
            else:
                self._send(404, '[{"errorCode":"NOT_FOUND","message":"nothing here"}]')

        def _page(self, number: int, *, is_linked: bool) -> None:
            with results.lock:
                results.open += 1
                results.most = max(results.most, results.open)
                results.fetched.append(number)
                if is_linked:
                    results.linked.add(number)
            try:
                odd = results.odd_page(number)
                if odd is not None:
                    status, body = odd
                else:
                    status, body = 200, results.csv(number)
            finally:
                with results.lock:
                    results.open -= 1
            following = f"p{number + 1}" if number + 1 < results.pages else "null"
            self._send(status, body, Content_Type="text/csv", Sforce_Locator=following,
                       Sforce_NumberOfRecords=str(results.rows_in_header(number)))  # fmt: skip

    return Handler


@contextmanager
def serving(pages: int) -> Iterator[Results]:
    """Serve a result of so many pages."""
    results = Results(pages)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(results))
    server.daemon_threads = True
    results.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield results
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
