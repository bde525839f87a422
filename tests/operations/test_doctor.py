"""The doctor finds what is wrong and says how to fix it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.operations import doctor
from datasync_flask.operations.doctor import Doctor, Finding
from datasync_flask.security.crypto import SecretBox
from tests.support.connection import ConnectionWalk


def examined(app: Flask) -> dict[str, Finding]:
    with app.app_context():
        return {finding.name: finding for finding in Doctor(app).examine()}


def test_what_is_well_and_what_is_not(walk: ConnectionWalk) -> None:
    walk.to_connected()
    found = examined(walk.app)
    well = {name for name, finding in found.items() if finding.is_well}
    assert {"settings", "Callback URL", "database", "queue", "keys", "data folder", "clock"} <= well
    assert walk.practice.origin in well
    assert not found["worker"].is_well
    assert "datasync worker" in found["worker"].fix
    # The tests' web pages are served without a server.
    assert not found["public address"].is_well
    assert "Start the web process" in found["public address"].fix


def test_a_lost_key(walk: ConnectionWalk) -> None:
    walk.save(client_secret="s3cret")
    walk.app.extensions["secret_box"] = SecretBox([Fernet.generate_key().decode()])
    found = examined(walk.app)["keys"]
    assert not found.is_well
    assert found.text == "1 of 1 stored secrets can’t be read"
    assert "DATASYNC_ENCRYPTION_KEYS" in found.fix


def test_a_clock_that_is_wrong(walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.save(client_id="")
    monkeypatch.setattr(doctor, "utcnow", lambda: utcnow() + timedelta(hours=2))
    found = examined(walk.app)["clock"]
    assert not found.is_well
    assert "time server" in found.fix


def test_salesforce_that_is_not_there(walk: ConnectionWalk, settings: Settings) -> None:
    walk.save(client_id="")
    origin = "http://127.0.0.1:1"
    walk.app.config["SETTINGS"] = settings.model_copy(update={"salesforce_hosts": (*settings.salesforce_hosts, origin)})
    found = examined(walk.app)[origin]
    assert not found.is_well
    assert "firewall" in found.fix


def test_an_address_that_another_program_has(walk: ConnectionWalk, settings: Settings) -> None:
    walk.app.config["SETTINGS"] = settings.model_copy(update={"public_url": walk.practice.origin})
    assert "Another program" in examined(walk.app)["public address"].fix


def test_a_callback_that_salesforce_refuses(walk: ConnectionWalk, settings: Settings) -> None:
    walk.app.config["SETTINGS"] = settings.model_copy(update={"public_url": "http://datasync.example.com"})
    assert "https" in examined(walk.app)["Callback URL"].fix


@pytest.mark.parametrize("name", ["a-file", "a-file/below"])
def test_a_data_folder_that_cannot_be_one(walk: ConnectionWalk, settings: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").write_text("in the way")
    walk.app.config["SETTINGS"] = settings.model_copy(update={"data_dir": tmp_path / name})
    assert not examined(walk.app)["data folder"].is_well
