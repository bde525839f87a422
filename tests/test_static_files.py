from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import urljoin

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from tests.support.visitor import Visitor

STATIC = Path(__file__).resolve().parent.parent / "static"


def modules_of_a_page(visitor: Visitor, page: str = "/help") -> set[str]:
    """The addresses of modules that a browser asks for when it opens a page."""
    visitor.get(page)
    found = {str(address) for address in visitor.page.xpath("//script[@type='module']/@src")}
    to_read = list(found)
    while to_read:
        address = to_read.pop()
        text = visitor.get(address).text
        imported = {urljoin(address, name) for name in re.findall(r'^import .*?"(\./[^"]+)";$', text, re.MULTILINE)}
        to_read += imported - found
        found |= imported
    return found


def test_a_page_brings_every_module_and_the_browser_may_keep_them(visitor: Visitor) -> None:
    addresses = modules_of_a_page(visitor)
    assert {address.rsplit("/", 1)[1] for address in addresses} == {path.name for path in (STATIC / "js").iterdir()}
    for address in addresses:
        response = visitor.get(address)
        assert response.mimetype == "text/javascript"
        assert "immutable" in response.headers["Cache-Control"]


def test_an_upgrade_changes_the_address_of_every_module(visitor: Visitor, settings: Settings, tmp_path: Path) -> None:
    upgraded = create_app(settings)
    upgraded.static_folder = str(shutil.copytree(STATIC, tmp_path / "static"))
    with (tmp_path / "static/js/copy.js").open("a") as module:
        module.write("// changed\n")
    before, after = modules_of_a_page(visitor), modules_of_a_page(Visitor(upgraded), "/login")
    assert len(after) == len(before)
    assert not before & after
    # A page of the new version that asks a process of the old one gets what that has, and nobody keeps it.
    response = visitor.get(sorted(after)[0])
    assert response.status_code == 200
    assert "no-cache" in response.headers["Cache-Control"]
    with upgraded.app_context():
        db.engine.dispose()


def test_every_file_that_a_page_names_is_there(visitor: Visitor) -> None:
    visitor.get("/help")
    addresses = visitor.page.xpath("//script/@src | //link/@href | //link/@*[starts-with(name(), 'data-')]")
    assert len(addresses) > 8
    for address in addresses:
        response = visitor.get(address)
        assert response.status_code == 200, address
        assert "immutable" in response.headers["Cache-Control"]
    # Addresses of earlier versions, in pages that stayed open.
    assert visitor.get("/static/style.css?v=0123456789ab").status_code == 200
    assert visitor.get("/static/v-0123456789ab/nothing.css").status_code == 404
