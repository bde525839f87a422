"""The practice org for tests: a real server on a port of its own, steered over HTTP."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from flask import Flask
from werkzeug.serving import make_server

from datasync_flask.practice_org.org import PASSWORD, USERNAME, Org
from datasync_flask.practice_org.server import QuietHandler, create_practice_org
from datasync_flask.salesforce.transport import trust


class PracticeOrg:
    """What tests ask of the practice org."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.http = httpx2.Client(base_url=origin, timeout=10, verify=trust())

    def register(self, callback_url: str, **settings: Any) -> dict[str, Any]:
        settings.setdefault("propagation_seconds", 0)
        settings.setdefault("scopes", ["api", "refresh_token"])
        answer = self.http.post("/practice/apps", json={"callback_urls": [callback_url], **settings})
        answer.raise_for_status()
        return dict(answer.json())

    def change(self, client_id: str, **settings: Any) -> None:
        self.http.patch(f"/practice/apps/{client_id}", json=settings).raise_for_status()

    def change_org(self, **settings: Any) -> None:
        self.http.patch("/practice/org", json=settings).raise_for_status()

    def fault(self, at: str, **fault: Any) -> None:
        self.http.post("/practice/faults", json={"at": at, **fault}).raise_for_status()

    def refuse(self, at: str, error: str, description: str, status: int = 400, **fault: Any) -> None:
        """Have an OAuth endpoint answer with an error in Salesforce's form."""
        import json

        body = json.dumps({"error": error, "error_description": description})
        self.fault(at, status=status, body=body, headers={"Content-Type": "application/json"}, **fault)

    def clear_faults(self) -> None:
        self.http.delete("/practice/faults").raise_for_status()

    def expire(self, kind: str = "access") -> None:
        self.http.post("/practice/tokens/expire", json={"kind": kind}).raise_for_status()

    def tokens(self) -> dict[str, dict[str, Any]]:
        return dict(self.http.get("/practice/tokens").json())

    def requests(self) -> dict[str, int]:
        return dict(self.http.get("/practice/requests").json())

    def answer_as_person(self, authorize_url: str, choice: str = "allow") -> str:
        """Do in Salesforce what a person does there; return where Salesforce sends them ('' for its own error page)."""
        with httpx2.Client(base_url=self.origin, timeout=10, verify=trust()) as browser:
            browser.post("/login", data={"username": USERNAME, "pw": PASSWORD})
            page = browser.get(authorize_url)
            if page.is_redirect:
                location = page.headers["location"]
                return "" if "RemoteAccessErrorPage" in location else location
            if page.status_code != 200:
                return ""
            params = {key: values[0] for key, values in parse_qs(urlsplit(authorize_url).query).items()}
            form = {
                key: params.get(key, "") for key in ("client_id", "redirect_uri", "state", "code_challenge", "scope")
            }
            answer = browser.post("/services/oauth2/authorize/answer", data={**form, "choice": choice})
            return answer.headers["location"]


# Web apps without an org: making one takes as long as most tests.
_idle: list[Flask] = []


@contextlib.contextmanager
def running_practice_org() -> Iterator[PracticeOrg]:
    org = Org(propagation=0)
    app = _idle.pop() if _idle else create_practice_org(org)
    app.config["ORG"] = org
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    practice = PracticeOrg(f"http://127.0.0.1:{server.server_port}")
    try:
        yield practice
    finally:
        practice.http.close()
        server.shutdown()
        server.server_close()
        thread.join()
        # A request that still hangs must not go on in the next test's org.
        if not any("process_request_thread" in each.name for each in threading.enumerate()):
            _idle.append(app)
