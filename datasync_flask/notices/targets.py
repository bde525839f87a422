"""Where notifications may go: services, addresses, and required encryption."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from datasync_flask.config import LOOPBACK_HOSTS
from datasync_flask.notices import failures

# Services that Apprise reaches over https, at their makers' addresses or self-hosted. All others can reach into this
# machine (syslog, the desktop, a file), or don't use https.
_SERVICES = """
46elks atalk azure bark barks bluesky brevo bsky bulksms bulkvs burstsms chanify clickatell clicksend cliq d7sms
dapnet dingtalk discord elks feishu flock form forms freemobile gchat gotify gotifys groupme guilded hassio
hassios httpsms ifttt ilert incidentio infobip jira join json jsons kumulos lametric lametrics lark line
mailersend mailgun mastodon mastodons matrix matrixs misskey misskeys mmost mmosts msg91 msgbird msteams nctalk
nctalks ncloud nclouds nexmo notica noticas notifiarr notifico notificos ntfy ntfys o365 octopush onesignal
opsgenie pagerduty pagertree pbul plivo postmark pover prowl psafer psafers push pushdeer pushdeers pushed
pushme pushplus pushy qq resend revolt ringc rocket rockets ryver schan sendgrid sendpulse ses seven signal
signals signl4 simplepush sinch slack smtp2go sns sparkpost spike splunk spush squadcast synology synologys
telesign telnyx tgram threema toot toots twilio twist victorops voipms vonage webex wecombot whatsapp workflow
workflows wxpusher wxteams xml xmls zcliq zoom zulip
"""
SERVICES = frozenset(_SERVICES.split())
# These use http; the same service over https has an s at the end of its name.
_PLAIN_SERVICES = """
bark form gotify hassio json lametric mastodon matrix misskey mmost nctalk ncloud notica notifico ntfy psafer
pushdeer rocket signal synology toot xml
"""
PLAIN_SERVICES = frozenset(_PLAIN_SERVICES.split())
# With these, Apprise would read files of this machine or stop checking certificates.
_REFUSED_PARAMETERS = re.compile(r"template|[a-z]*file|verify|redirect", re.IGNORECASE)


class TargetRefused(Exception):
    """A notification can't go to this target; the text says why and what to do.

    `message` and `values` are separate, so that the message can be translated first.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message % values)
        self.message, self.values = message, values


def check(kind: str, target: str, *, allow_internal: bool) -> None:
    """Refuse malformed targets, without using the network. Raises TargetRefused."""
    if kind == "email":
        return
    scheme = urlsplit(target).scheme.lower() if kind == "webhook" else target.partition("://")[0].lower()
    if kind == "service":
        _check_service(scheme, target)
    if allow_internal:
        return
    if scheme == "http" or scheme in PLAIN_SERVICES:
        encrypted = "https" if kind == "webhook" else f"{scheme}s"
        raise TargetRefused(failures.IN_CLEAR, scheme=scheme, encrypted=encrypted)
    host = host_of(kind, target)
    if host in LOOPBACK_HOSTS or (_is_address(host) and is_internal(host)):
        raise TargetRefused(failures.INTERNAL_TARGET, host=host)


def _check_service(scheme: str, target: str) -> None:
    if scheme not in SERVICES:
        raise TargetRefused(failures.OTHER_SERVICE, scheme=scheme[:40])
    # Apprise also splits at semicolons, and decodes the names of parameters.
    names = (unquote(each.partition("=")[0]).strip() for each in re.split("[?&;]", target)[1:])
    if any(_REFUSED_PARAMETERS.fullmatch(name) for name in names):
        raise TargetRefused(failures.REFUSED_PARAMETERS)


def host_of(kind: str, target: str) -> str:
    """The host in an address; for a service it may be a token instead."""
    try:
        return (urlsplit(target).hostname or "").rstrip(".") if kind != "email" else ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


# Addresses of IPv4 in IPv6 (RFC 6052 section 2.1).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_internal(address: str) -> bool:
    """True for an IP address that isn't public: this machine, private, link-local, reserved."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        # The obsolete form ::1.2.3.4.
        if inner is None and int(parsed) < 2**32:
            inner = ipaddress.IPv4Address(int(parsed))
        if inner is not None:
            return is_internal(str(inner))
    return not parsed.is_global or parsed.is_multicast
