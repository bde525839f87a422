"""Sends one message to its target, in a separate process with limits on time, memory and connections.

A receiver's answer can't block the worker or fill its memory: the process ends after a time, and has its own memory.
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
from datasync_flask.notices import failures, targets
from datasync_flask.notices.failures import NotSent

# For the whole delivery.
TOTAL_SECONDS = 20
# For one step of the delivery.
STEP_SECONDS = 15.0
MEMORY_BYTES = 1 << 30
# The most bytes of a service's answer, unpacked.
MAX_ANSWER_BYTES = 256 * 1024
SIGNATURE = "X-DataSync-Signature"


def deliver(order: dict[str, Any]) -> None:
    """Have a process deliver a message; `order` is the argument of :func:`carry`. Raises NotSent."""
    # The process doesn't need our own secrets.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATASYNC_")}
    try:
        # -P: import nothing from the folder where DataSync was started.
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
        raise NotSent(failures.TOO_SLOW, seconds=TOTAL_SECONDS) from None
    if done.stdout.strip() != "sent":
        raise NotSent(done.stdout.strip()[:300] or failures.NO_RESULT)


def signature_of(key: str, body: bytes) -> str:
    """The signature for the receiver: HMAC-SHA256 of the body, in hex, after ``sha256=``."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def carry(order: dict[str, Any]) -> None:
    """Deliver one message in this process. Raises NotSent, or TargetRefused."""
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
                raise NotSent(failures.NOT_ENCRYPTED, host=host)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(failures.BY_MAIL_SERVER[_what_happened(error)], host=host, error=type(error).__name__) from None


def _what_happened(error: Exception) -> str:
    """The key of its message in `failures`."""
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return "no_answer"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "no_sign_in"
    if isinstance(error, httpx2.ConnectError | ConnectionError | socket.gaierror):
        return "not_reached"
    return "not_taken"


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
        # Follow no redirect, because the signature is for this address. Read only the status of the answer.
        with httpx2.Client(timeout=STEP_SECONDS, follow_redirects=False) as client:
            limits.seal(host)
            with client.stream("POST", order["target"], content=content, headers=headers) as answer:
                status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        if limits.refusal:
            raise NotSent(limits.refusal) from None
        raise NotSent(failures.BY_HOST[_what_happened(error)], host=host, error=type(error).__name__) from None
    if not 200 <= status < 300:
        raise NotSent(failures.HTTP_STATUS, host=host, status=status)


def _service(order: dict[str, Any]) -> None:
    import apprise

    # Reads the system's list, which isn't allowed later.
    mimetypes.init()
    name = order["target"].partition("://")[0]
    limits = _Limits(allow_internal=order["allow_internal"])
    # Write nothing of the message or the address to disk.
    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY)
    # Apprise.add would split the text into several addresses, of which only the first was checked.
    found = apprise.Apprise.instantiate(order["target"], asset=asset)
    if found is None:
        raise NotSent(failures.NO_SERVICE)
    sender = apprise.Apprise(found, asset=asset)
    _bound_requests(limits)
    limits.seal("")
    if not sender.notify(title=order["title"], body=order["body"]):
        raise NotSent(limits.refusal) if limits.refusal else NotSent(failures.SERVICE_NOT_TAKEN, name=name)


class _Limits:
    """The limits of this process; `refusal` says what was refused."""

    def __init__(self, *, allow_internal: bool) -> None:
        self.allow_internal = allow_internal
        self.refusal = ""
        # Allow the company's own proxy, which whoever runs this machine has chosen.
        self._proxies = {host for url in getproxies().values() if (host := urlsplit(url).hostname)}
        self._proxy_addresses = {found[4][0] for host in self._proxies for found in _resolved(host)}

    def seal(self, host: str) -> None:
        """Activate the limits: every address is checked at the moment a connection to it is opened."""
        self.check_host(host)
        sys.addaudithook(self._audit)

    def check_host(self, host: str) -> None:
        """Refuse an internal host. A name that only a company's proxy can resolve is left to that proxy."""
        if host and not self.allow_internal and any(targets.is_internal(str(found[4][0])) for found in _resolved(host)):
            raise self._refused(failures.INTERNAL % {"host": host})

    def _audit(self, event: str, details: tuple[Any, ...]) -> None:
        # https://docs.python.org/3/library/audit_events.html
        if event in {"socket.connect", "socket.sendto"}:
            self._check_address(details[1])
        elif event == "open" and not _is_of_python(details[0]):
            raise PermissionError(failures.NO_FILES)
        elif event in {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}:
            raise PermissionError(failures.NO_PROGRAMS)

    def _check_address(self, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        try:
            is_internal = targets.is_internal(host)
        except ValueError:
            # A name, or a socket of this machine: only checked addresses are allowed.
            raise self._refused(failures.NO_HOST) from None
        if is_internal and not self.allow_internal and host not in self._proxy_addresses:
            raise self._refused(failures.LEADS_INSIDE % {"host": host})

    def _refused(self, wording: str) -> OSError:
        self.refusal = wording
        return PermissionError(wording)


def _resolved(host: str) -> list[Any]:
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []


def _is_of_python(path: Any) -> bool:
    """True for files that Python and its packages read: modules, certificates."""
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
    """Make all of Apprise's requests limit their answers, follow no redirect, require encryption and check
    certificates.
    """
    import requests  # with Apprise only

    plain_send = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        limits.check_host(parts.hostname or "")
        if parts.scheme != "https" and not limits.allow_internal:
            raise requests.exceptions.InvalidURL("not encrypted")
        own = {"stream": True, "timeout": STEP_SECONDS, "verify": options.get("verify") or True}
        response = plain_send(self, request, **{**options, **own})
        # Unpack while reading, so that a small answer that expands is cut off too.
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
    """Read one order from standard input, carry it out and print the result."""
    # End even if nobody is waiting any more.
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
