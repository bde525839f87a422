"""Takes one message to its target, in a process of its own with limits: time, memory, where it may connect.

Nothing that a receiver answers can hold or fill the worker: the clock ends the process, and its memory is its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import mimetypes
import os
import resource
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import getproxies

import httpx2

from datasync_flask.config import LOOPBACK_HOSTS
from datasync_flask.notices import targets

# For everything from the first byte to the last.
TOTAL_SECONDS = 20
# For one step of it.
STEP_SECONDS = 15.0
MEMORY_BYTES = 1 << 30
# What a service may answer, unpacked.
MAX_ANSWER_BYTES = 256 * 1024
SIGNATURE = "X-DataSync-Signature"


class NotSent(Exception):
    """A message didn't get through; the text says why, without any secret."""


def deliver(order: dict[str, Any]) -> None:
    """Have a process take a message to its target; `order` is what :func:`carry` takes. Raises NotSent."""
    # Our own secrets aren't its business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATASYNC_")}
    try:
        # -P: what lies in the folder DataSync was started in isn't imported.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "datasync_flask.notices.courier"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=TOTAL_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotSent(f"there was no whole answer within {TOTAL_SECONDS} seconds") from None
    if done.stdout.strip() != "sent":
        raise NotSent(done.stdout.strip()[:300] or "sending ended without a result")


def signature_of(key: str, body: bytes) -> str:
    """What a receiver compares: HMAC-SHA256 of the body, in hex, after ``sha256=``."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def carry(order: dict[str, Any]) -> None:
    """Take one message to its target, in this process. Raises NotSent, or TargetRefused."""
    senders = {"email": _mail, "webhook": _webhook, "service": _service}
    targets.check(order["kind"], order["target"], allow_internal=order["allow_internal"])
    senders[order["kind"]](order)


def _mail(order: dict[str, Any]) -> None:
    parts = urlsplit(order["smtp_url"])
    message = EmailMessage()
    message["From"], message["To"] = order["sender"], order["target"]
    message["Subject"] = " ".join(order["title"].split())
    message.set_content(order["body"])
    host, trust = parts.hostname or "", ssl.create_default_context()
    may_be_plain = host in LOOPBACK_HOSTS or parse_qs(parts.query).get("tls") == ["off"]
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=STEP_SECONDS, context=trust)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=STEP_SECONDS)
        with server:
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=trust)
            elif parts.scheme == "smtp" and not may_be_plain:
                server.close()
                raise NotSent(
                    f"the mail server {host} offers no encryption (STARTTLS), so nothing was sent; use smtps:// in "
                    "DATASYNC_SMTP_URL, or put ?tls=off behind it to send in clear"
                )
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"the mail server {host} {_why(error)}") from None


def _why(error: Exception) -> str:
    """What went wrong with a host, as what follows its name."""
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return "didn't answer in time"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "refused the sign-in"
    if isinstance(error, httpx2.ConnectError | ConnectionError | socket.gaierror):
        return "can't be reached"
    return f"didn't take it ({type(error).__name__})"


def _webhook(order: dict[str, Any]) -> None:
    content = order["content"].encode()
    headers = {
        "Content-Type": "application/json",
        SIGNATURE: signature_of(order["signing_key"], content),
        "User-Agent": "datasync_flask",
    }
    host = urlsplit(order["target"]).hostname or ""
    limits = _Limits(allow_internal=order["allow_internal"])
    try:
        # No redirect is followed: the signature is for this address. Of the answer, only the status is read.
        with httpx2.Client(timeout=STEP_SECONDS, follow_redirects=False) as client:
            limits.seal(host)
            with client.stream("POST", order["target"], content=content, headers=headers) as answer:
                status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise NotSent(limits.refusal or f"{host} {_why(error)}") from None
    if not 200 <= status < 300:
        raise NotSent(f"{host} answered HTTP {status}")


def _service(order: dict[str, Any]) -> None:
    import apprise

    # Reads the system's list, which isn't allowed later.
    mimetypes.init()
    name = order["target"].partition("://")[0]
    limits = _Limits(allow_internal=order["allow_internal"])
    # Nothing of the message or the address is kept on disk.
    sender = apprise.Apprise(asset=apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY))
    if not sender.add(order["target"]):
        raise NotSent("this isn't an address that Apprise knows")
    _bound_requests(limits)
    limits.seal("")
    if not sender.notify(title=order["title"], body=order["body"]):
        raise NotSent(limits.refusal or f"{name}: the service didn't take it")


class _Limits:
    """What this process may reach from now on; `refusal` says what was refused."""

    def __init__(self, *, allow_internal: bool) -> None:
        self.allow_internal = allow_internal
        self.refusal = ""
        # The company's own proxy is the choice of whoever runs this machine.
        self._proxies = {host for url in getproxies().values() if (host := urlsplit(url).hostname)}
        self._proxy_addresses = {found[4][0] for host in self._proxies for found in _resolved(host)}

    def seal(self, host: str) -> None:
        """Begin to hold the limits: every address is checked at the moment a connection to it is opened."""
        self.check_host(host)
        sys.addaudithook(self._audit)

    def check_host(self, host: str) -> None:
        """Refuse a host that is internal. A name that only a company's proxy can look up is left to that proxy."""
        if host and not self.allow_internal and any(targets.is_internal(str(found[4][0])) for found in _resolved(host)):
            raise self._refused(f"{host} is an internal address, and internal addresses aren't allowed for it")

    def _audit(self, event: str, details: tuple[Any, ...]) -> None:
        # https://docs.python.org/3/library/audit_events.html
        if event in {"socket.connect", "socket.sendto"}:
            self._check_address(details[1])
        elif event == "open" and not _is_of_python(details[0]):
            raise PermissionError("no files of this machine")
        elif event in {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}:
            raise PermissionError("no programs of this machine")

    def _check_address(self, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        try:
            is_internal = targets.is_internal(host)
        except ValueError:
            # A name, or a socket of this machine: only addresses that were checked are connected to.
            raise self._refused("a socket of this machine isn't a target") from None
        if is_internal and not self.allow_internal and host not in self._proxy_addresses:
            raise self._refused(f"it leads to {host}, and internal addresses aren't allowed for it")

    def _refused(self, wording: str) -> OSError:
        self.refusal = wording
        return PermissionError(wording)


def _resolved(host: str) -> list[Any]:
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []


def _is_of_python(path: Any) -> bool:
    """True for what Python and its packages read of themselves: modules, certificates."""
    if not isinstance(path, str | bytes):
        return True
    real = os.path.realpath(os.fsdecode(path))
    roots = [sys.prefix, sys.base_prefix, "/etc/ssl", *map(os.path.dirname, _certificate_files())]
    return any(real.startswith(os.path.realpath(root) + os.sep) for root in roots if root)


def _certificate_files() -> list[str]:
    return [
        value for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if (value := os.environ.get(name))
    ]


def _bound_requests(limits: _Limits) -> None:
    """Have everything that Apprise sends read its answers up to a limit, follow no redirect and need encryption."""
    import requests  # with Apprise only

    plain_send = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        limits.check_host(parts.hostname or "")
        if parts.scheme != "https" and not limits.allow_internal:
            raise requests.exceptions.InvalidURL("not encrypted")
        response = plain_send(self, request, **{**options, "stream": True, "timeout": STEP_SECONDS})
        # Unpacked as it is read: a small answer that becomes a large one is cut off too.
        content: bytes = response.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
        response._content = content
        response._content_consumed = True
        response.close()
        if len(content) > MAX_ANSWER_BYTES:
            raise requests.exceptions.ConnectionError("the answer is too long")
        response.headers.pop("Location", None)
        return response

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign, assignment]


def main() -> None:
    """Read one order from standard input, carry it out and say what came of it."""
    # Also when nobody waits for it any more.
    signal.alarm(TOTAL_SECONDS + 5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        carry(json.load(sys.stdin))
    except (NotSent, targets.TargetRefused) as failure:
        sys.stdout.write(str(failure))
    except PermissionError as refusal:
        sys.stdout.write(str(refusal))
    except Exception as error:
        sys.stdout.write(type(error).__name__)
    else:
        sys.stdout.write("sent")


if __name__ == "__main__":
    main()
