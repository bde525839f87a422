from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from datasync_flask import create_app
from datasync_flask.config import SettingsError, load_settings


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.callback_url == "http://127.0.0.1:5000/oauth/salesforce/callback"
    assert settings.effective_database_url == f"sqlite:///{tmp_path}/instance/datasync.sqlite"
    assert not settings.callback_needs_https
    assert (settings.probe_interval, settings.probe_deadline, settings.exchange_retry_for) == (5, 1800, 600)


@pytest.mark.parametrize("url", ["https://tools.example.com/datasync", "https://Tools.example.com:443/datasync/"])
def test_a_public_address_may_have_a_path(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATASYNC_PUBLIC_URL", url)
    settings = load_settings()
    assert settings.callback_url == "https://tools.example.com/datasync/oauth/salesforce/callback"
    assert (settings.public_origin, settings.public_path) == ("https://tools.example.com", "/datasync")


def test_a_path_that_is_a_page_of_ours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASYNC_PUBLIC_URL", "https://tools.example.com/connections")
    with pytest.raises(SettingsError, match="DATASYNC_PUBLIC_URL: /connections"):
        create_app(load_settings())


def test_keys_are_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: (load_settings().secret_key, load_settings().encryption_keys), range(16)))
    assert len(made) == 1
    for name in ("secret_key", "encryption_keys"):
        assert stat.S_IMODE((tmp_path / "instance" / name).stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path / "instance")) == ["encryption_keys", "secret_key"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("PUBLIC_URL", "datasync.example.com", "begin with http:// or https://"),
        ("PUBLIC_URL", "https://datasync.example.com/a path", "the path in it"),
        ("PUBLIC_URL", "https://datasync.example.com/../up", "the path in it"),
        ("PUBLIC_URL", "https://datasync.example.com/a//b", "the path in it"),
        ("PUBLIC_URL", "https://datasync.example.com/%2e", "the path in it"),
        ("PUBLIC_URL", "https://datasync.example.com/?q=1", "no ? or #"),
        ("SALESFORCE_HOSTS", "https://acme.my.salesforce.com/path", "nothing behind"),
        ("PUBLIC_URL", "https://datasync.example.com:99999", "port"),
        ("PORT", "5060", "browsers refuse"),
        ("PORT", "0", "greater than or equal to 1"),
        ("PORT", "many", "valid integer"),
        ("SALESFORCE_HOSTS", "http://127.0.0.1:9000, nonsense", "begin with http:// or https://"),
        ("PROBE_INTERVAL", "-1", "greater than 0"),
        ("PROBE_DEADLINE", "soon", "valid number"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
        ("DATABASE_URL", "mysql://root@localhost/x", "sqlite:/// or postgresql+psycopg://"),
        ("QUEUE_URL", "amqp://localhost", "redis://"),
        ("ENCRYPTION_KEYS", "tooshort", "datasync keys generate"),
        ("SECRET_KEY", "short", "at least 16 characters"),
        ("TRUSTED_PROXIES", "-3", "greater than or equal to 0"),
    ],
)
def test_a_bad_value_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str) -> None:
    monkeypatch.setenv(f"DATASYNC_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert f"DATASYNC_{name}" in str(error.value)
    assert text in str(error.value)


def test_all_bad_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASYNC_PORT", "x")
    monkeypatch.setenv("DATASYNC_LOG_FORMAT", "y")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert len(str(error.value).splitlines()) == 2


def test_a_bad_key_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", "my-secret-key")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "my-secret-key" not in str(error.value)


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    (tmp_path / ".env").write_text(f"DATASYNC_PORT=8000\nDATASYNC_ENCRYPTION_KEYS={key}\nOTHER=1\n")
    settings = load_settings()
    assert settings.port == 8000
    assert settings.encryption_keys == (key,)


def test_the_callback_needs_https_but_for_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, needs in (
        ("http://datasync.example", True),
        ("https://datasync.example", False),
        ("http://localhost:5000", False),
    ):
        monkeypatch.setenv("DATASYNC_PUBLIC_URL", url)
        assert load_settings().callback_needs_https is needs


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATASYNC_INSTANCE_DIR", str(tmp_path / "file" / "x"))
    with pytest.raises(SettingsError, match="DATASYNC_INSTANCE_DIR"):
        load_settings()
