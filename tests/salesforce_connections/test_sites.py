"""Logging in at a site of Experience Cloud, whose OAuth endpoints stand below a path: the whole way, and a run."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from datasync_flask.practice_org.org import Org as PracticeData
from datasync_flask.practice_org.server import QuietHandler, create_practice_org
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.practice import PracticeOrg
from tests.support.visitor import Visitor

PATH = "/customers"


@pytest.fixture
def practice() -> Iterator[PracticeOrg]:
    """An org whose OAuth endpoints exist below its site's path only; its data API has no path before it."""
    org = create_practice_org(PracticeData(propagation=0))

    def root(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/services/oauth2/") and "userinfo" not in environ["PATH_INFO"]:
            start("404 Not Found", [("Content-Type", "text/html")])
            return [b"<html>No site here</html>"]
        return org(environ, start)

    below = DispatcherMiddleware(root, {PATH: org})
    server = make_server("127.0.0.1", 0, below, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    found = PracticeOrg(f"http://127.0.0.1:{server.server_port}")
    yield found
    found.http.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(practice: PracticeOrg) -> Iterator[PracticeOrg]:
    """The same as its customers see it."""
    found = PracticeOrg(practice.origin + PATH)
    yield found
    found.http.close()


@pytest.fixture
def database_url(tmp_path: Path, _sqlite_template: Path) -> str:
    path = tmp_path / "datasync.sqlite"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.mark.slow
def test_the_whole_way_of_a_site(app: Flask, visitor: Visitor, site: PracticeOrg, tmp_path: Path) -> None:
    walk = ConnectionWalk(app, visitor, site)
    walk.make_app()
    walk.save(login_url=f"{site.origin}/s/login/?ec=302")
    walk.work()
    assert walk.state == "ready_to_authorize"
    walk.allow()
    walk.work()
    assert walk.state == "connected", visitor.text
    # The org answers where it is, not below the site.
    assert walk.stored().grant.instance_url == site.origin.removesuffix(PATH)  # type: ignore[union-attr]
    extracting = Extracting(walk, tmp_path)
    extracting.org.do("Account", "generate", count=3)
    extracting.make(["Account"], extracting.make_destination("duckdb", {"path": "w.duckdb"}))
    extracting.done()
    extracting.assert_same("Account")
    # Renewed at the site, and given back there.
    walk.outlive_token()
    assert walk.state == "connected"
    visitor.post(f"/connections/{walk.id}/disconnect")
    walk.work()
    assert walk.state != "connected"


def test_a_site_without_its_path_is_no_place_to_log_in(app: Flask, visitor: Visitor, site: PracticeOrg) -> None:
    walk = ConnectionWalk(app, visitor, site)
    walk.make_app()
    walk.save(login_url=site.origin.removesuffix(PATH))
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "unreachable")
