"""Settings from DATASYNC_* variables, checked at start; each error names the variable and its fix."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# Chromium refuses these outright (ERR_UNSAFE_PORT), so nobody could open the pages.
UNSAFE_PORTS = frozenset({1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 10080}) | set(
    range(6665, 6670)
)

CommaList = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """One or more settings can't be used; the text names each variable and what to do."""


def parse_origin(text: str) -> str:
    """The ``scheme://host[:port]`` in lower case for an origin such as ``http://127.0.0.1:9000``.

    Raises ValueError for anything else, with a text for the person who set it.
    """
    origin, path = _origin_and_path(text)
    if path not in {"", "/"}:
        raise ValueError(
            "it must be only scheme, host and port, with nothing behind, like https://datasync.example.com"
        )
    return origin


def parse_public_url(text: str) -> str:
    """The ``scheme://host[:port]`` and the path below it, if there is one, without a slash at the end.

    Raises ValueError for anything else, with a text for the person who set it.
    """
    origin, path = _origin_and_path(text)
    path = path.rstrip("/")
    parts = path.split("/")[1:]
    # Unreserved characters only (RFC 3986 section 2.3): there is one way to write them.
    if not all(re.fullmatch(r"[A-Za-z0-9._~-]+", part) and part.strip(".") for part in parts) or len(path) > 100:
        raise ValueError(
            "the path in it may have letters, digits, hyphens, dots and underscores, up to 100 characters, like "
            "https://tools.example.com/datasync"
        )
    return origin + path


def _origin_and_path(text: str) -> tuple[str, str]:
    parts = urlsplit(text.strip())
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port in it is not a number from 1 to 65535") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must begin with http:// or https:// and name a host, like https://datasync.example.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "it must have no sign-in before the host and no ? or # behind it, like https://datasync.example.com"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else ""), parts.path


class Settings(BaseSettings):
    """Everything that can be set from outside. A bad value raises SettingsError in :func:`load_settings`."""

    model_config = SettingsConfigDict(env_prefix="DATASYNC_", env_file=".env", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=5000, ge=1, le=65535)
    public_url: str = ""
    instance_dir: Path = Path("instance")
    data_dir: Path | None = None
    database_url: str = ""
    queue_url: str = ""
    secret_key: str = ""
    encryption_keys: CommaList = ()
    admin_email: str = ""
    admin_password: str = ""
    salesforce_hosts: CommaList = ()
    probe_interval: float = Field(default=5, gt=0, le=600)
    probe_deadline: float = Field(default=1800, gt=0, le=86400)
    exchange_retry_for: float = Field(default=600, ge=0, le=3600)
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    log_format: Literal["console", "json"] = "console"
    web_threads: int = Field(default=16, ge=1, le=256)
    worker_threads: int = Field(default=4, ge=1, le=64)
    metrics_token: str = ""
    # smtp://user:password@host:587 or smtps://…; empty: no email.
    smtp_url: str = ""
    mail_from: str = "datasync@localhost"
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_name: str = "single sign-on"
    oidc_domains: CommaList = ()
    oidc_role_claim: str = ""
    run_processes: int = Field(default=2, ge=1, le=32)
    # A run's process is ended after this many seconds without progress.
    stalled_after: float = Field(default=600, ge=1, le=86400)

    @field_validator("salesforce_hosts", "encryption_keys", "oidc_domains", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("salesforce_hosts")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(parse_origin(item) for item in value)

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        return parse_public_url(value) if value else ""

    @field_validator("port")
    @classmethod
    def _port(cls, value: int) -> int:
        if value in UNSAFE_PORTS:
            raise ValueError("browsers refuse to open this port; choose another, for instance 5000 or 8000")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, key in enumerate(value, start=1):
            try:
                Fernet(key)
            except ValueError:
                raise ValueError(
                    f"key {number} is not a key made by 'datasync keys generate' (44 characters, ends with =)"
                ) from None
        return value

    @field_validator("secret_key")
    @classmethod
    def _secret_key(cls, value: str) -> str:
        if value and len(value) < 16:
            raise ValueError("it must have at least 16 characters; leave it out to have one made")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"sqlite", "postgresql+psycopg"}:
            raise ValueError("it must begin with sqlite:/// or postgresql+psycopg://")
        return value

    @field_validator("queue_url")
    @classmethod
    def _queue_url(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"sqlite", "postgresql", "redis", "rediss"}:
            raise ValueError("it must begin with sqlite:///, postgresql:// or redis://")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname):
            raise ValueError("it must look like smtp://user:password@host:587 or smtps://user:password@host")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _oidc_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)
        if value and not (is_safe and parts.hostname):
            raise ValueError("it must begin with https://, as the sign-on service gives it")
        return value

    @field_validator("oidc_domains")
    @classmethod
    def _oidc_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.lower().lstrip("@") for domain in value)

    @property
    def effective_public_url(self) -> str:
        """The address people use, with its path; the Callback URL is built from it."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def public_path(self) -> str:
        """The path above all pages, such as ``/datasync``; empty when the public address has none."""
        return urlsplit(self.effective_public_url).path

    @property
    def public_origin(self) -> str:
        """The public address without its path."""
        return self.effective_public_url.removesuffix(self.public_path)

    @property
    def callback_url(self) -> str:
        """The one OAuth redirect address (RFC 6749 section 3.1.2), the same for all connections."""
        return f"{self.effective_public_url}/oauth/salesforce/callback"

    @property
    def callback_needs_https(self) -> bool:
        """True when Salesforce will refuse the Callback URL: it accepts http only for this computer itself."""
        parts = urlsplit(self.effective_public_url)
        return parts.scheme == "http" and (parts.hostname or "") not in LOOPBACK_HOSTS

    @property
    def effective_database_url(self) -> str:
        """SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{(self.instance_dir / 'datasync.sqlite').resolve()}"

    @property
    def effective_data_dir(self) -> Path:
        """The folder for file destinations."""
        return (self.data_dir or self.instance_dir / "data").resolve()

    @property
    def own_files(self) -> tuple[Path, ...]:
        """Files and folders of DataSync itself; the data folder may hold them where both folders are set."""
        named = [self.instance_dir / name for name in ("secret_key", "encryption_keys", "runs")]
        urls = (self.effective_database_url, self.effective_queue_url)
        named += [
            Path(url.removeprefix("sqlite:///").partition("?")[0]) for url in urls if url.startswith("sqlite:///")
        ]
        return tuple(path.resolve() for path in named)

    @property
    def effective_queue_url(self) -> str:
        """Address of Huey's storage."""
        return self.queue_url or f"sqlite:///{(self.instance_dir / 'queue.sqlite').resolve()}"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment and `.env`; create the instance folder and missing keys.

    Raises SettingsError with every variable that can't be used.
    """
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(fault) for fault in error.errors())) from None
    return _with_keys(settings)


def _explain(fault: Any) -> str:
    name = "DATASYNC_" + str(fault["loc"][0]).upper()
    message = str(fault["msg"]).removeprefix("Value error, ")
    shown = (
        ""
        if "KEY" in name or "PASSWORD" in name or "URL" in name or "TOKEN" in name
        else f" (now {str(fault['input'])[:80]!r})"
    )
    return f"{name}{shown}: {message}."


def _with_keys(settings: Settings) -> Settings:
    folder = settings.instance_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret_key = settings.secret_key or _kept(folder / "secret_key", lambda: secrets.token_urlsafe(48))
        keys = settings.encryption_keys or tuple(
            line for line in _kept(folder / "encryption_keys", lambda: Fernet.generate_key().decode()).split() if line
        )
    except OSError as error:
        raise SettingsError(
            f"DATASYNC_INSTANCE_DIR: the folder {folder} cannot be written ({error.strerror}); choose another."
        ) from None
    return settings.model_copy(update={"secret_key": secret_key, "encryption_keys": keys})


def _kept(path: Path, make: Any) -> str:
    """The content of `path`, created once with mode 600; safe when several processes start together."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(make() + "\n")
        try:
            # link() fails if another process was first: then use its content.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
