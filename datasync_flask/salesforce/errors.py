"""What can go wrong with Salesforce, as one type.

Sources: Salesforce help "OAuth 2.0 Authorization Errors" and "Connected App and OAuth error codes". How answers map to
a problem is in oauth_refusals.py for the OAuth endpoints, in data_refusals.py for the data API.
"""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """The stable codes that pages, commands and scripts show."""

    CLIENT_UNKNOWN = "client_unknown"
    CALLBACK_MISMATCH = "callback_mismatch"
    SECRET_REFUSED = "secret_refused"
    BLOCKED = "blocked"
    DENIED = "denied"
    CODE_EXPIRED = "code_expired"
    SCOPE_REFUSED = "scope_refused"
    NO_REFRESH_TOKEN = "no_refresh_token"
    REVOKED = "revoked"
    API_DISABLED = "api_disabled"
    IP_RESTRICTED = "ip_restricted"
    CLOCK_WRONG = "clock_wrong"
    SESSION_REFUSED = "session_refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    OTHER_ORG = "other_org"
    UNEXPECTED = "unexpected"


class Problem(enum.StrEnum):
    """One specific problem; each has its own text, and several may share a reason code."""

    CLIENT_UNKNOWN = "client_unknown"
    APP_NOT_FOUND = "app_not_found"
    APP_GONE = "app_gone"
    APP_OF_ANOTHER_ORG = "app_of_another_org"
    CALLBACK_MISMATCH = "callback_mismatch"
    SECRET_REFUSED = "secret_refused"
    SECRET_NEEDED = "secret_needed"
    APP_BLOCKED = "app_blocked"
    APP_NOT_INSTALLED = "app_not_installed"
    USER_NOT_APPROVED = "user_not_approved"
    USER_INACTIVE = "user_inactive"
    ORG_INACTIVE = "org_inactive"
    APPROVAL_FAILED = "approval_failed"
    CODE_FLOW_NOT_ENABLED = "code_flow_not_enabled"
    FLOW_NOT_ENABLED = "flow_not_enabled"
    NO_RUN_AS_USER = "no_run_as_user"
    CERTIFICATE_REFUSED = "certificate_refused"
    CLOCK_WRONG = "clock_wrong"
    CONSUMER_NOT_APPROVED = "consumer_not_approved"
    AUDIENCE_REFUSED = "audience_refused"
    MY_DOMAIN_NEEDED = "my_domain_needed"
    DENIED = "denied"
    CODE_EXPIRED = "code_expired"
    VERIFIER_REFUSED = "verifier_refused"
    PKCE_MISSING = "pkce_missing"
    SCOPE_REFUSED = "scope_refused"
    API_SCOPE_MISSING = "api_scope_missing"
    NO_REFRESH_TOKEN = "no_refresh_token"
    REVOKED = "revoked"
    NOT_CONNECTED = "not_connected"
    SESSION_REFUSED = "session_refused"
    API_DISABLED_FOR_ORG = "api_disabled_for_org"
    API_DISABLED_FOR_USER = "api_disabled_for_user"
    IP_RESTRICTED = "ip_restricted"
    TOKEN_REQUEST_BUSY = "token_request_busy"
    LOGIN_RATE_EXCEEDED = "login_rate_exceeded"
    REQUEST_LIMIT_EXCEEDED = "request_limit_exceeded"
    TOO_MANY_REQUESTS = "too_many_requests"
    BULK_LIMIT_REACHED = "bulk_limit_reached"
    NOT_IN_BULK = "not_in_bulk"
    HOST_NOT_FOUND = "host_not_found"
    CONNECTION_FAILED = "connection_failed"
    CERTIFICATE_NOT_TRUSTED = "certificate_not_trusted"
    ADDRESS_MOVED = "address_moved"
    MAINTENANCE = "maintenance"
    SERVER_ERROR = "server_error"
    NOT_SALESFORCE = "not_salesforce"
    NO_ANSWER_IN_TIME = "no_answer_in_time"
    NEVER_CAME_BACK = "never_came_back"
    UNTRUSTED_INSTANCE = "untrusted_instance"
    SECRETS_UNREADABLE = "secrets_unreadable"
    OBJECT_GONE = "object_gone"
    NOT_DESCRIBED = "not_described"
    FIELD_GONE = "field_gone"
    QUERY_REFUSED = "query_refused"
    QUERY_TIMED_OUT = "query_timed_out"
    LOCATOR_GONE = "locator_gone"
    PAGES_REPEAT = "pages_repeat"
    ROWS_DIFFER = "rows_differ"
    NOT_FOUND = "not_found"
    NO_ACCESS = "no_access"
    DATA_API_CLOSED = "data_api_closed"
    INSTANCE_MOVED = "instance_moved"
    OTHER_ORG = "other_org"
    EXTERNAL_SOURCE = "external_source"
    UNEXPECTED = "unexpected"

    @property
    def reason(self) -> Reason:
        """The stable code of this problem."""
        return _REASONS.get(self, Reason.UNEXPECTED)

    @property
    def is_transient(self) -> bool:
        """True when the same request may well succeed later."""
        return self in _TRANSIENT

    @property
    def is_about_the_request(self) -> bool:
        """True when only this one request was refused, and others with the same token may work."""
        return self in _ABOUT_THE_REQUEST

    @property
    def may_be_propagation(self) -> bool:
        """True when Salesforce may answer this even for a *correct* app, in the minutes after a change to it."""
        return self in {Problem.CLIENT_UNKNOWN, Problem.APP_NOT_FOUND, Problem.CALLBACK_MISMATCH}


_REASONS = {
    Problem.CLIENT_UNKNOWN: Reason.CLIENT_UNKNOWN,
    Problem.APP_NOT_FOUND: Reason.CLIENT_UNKNOWN,
    Problem.APP_GONE: Reason.CLIENT_UNKNOWN,
    Problem.APP_OF_ANOTHER_ORG: Reason.CLIENT_UNKNOWN,
    Problem.CALLBACK_MISMATCH: Reason.CALLBACK_MISMATCH,
    Problem.SECRET_REFUSED: Reason.SECRET_REFUSED,
    Problem.SECRET_NEEDED: Reason.SECRET_REFUSED,
    Problem.APP_BLOCKED: Reason.BLOCKED,
    Problem.APP_NOT_INSTALLED: Reason.BLOCKED,
    Problem.USER_NOT_APPROVED: Reason.BLOCKED,
    Problem.USER_INACTIVE: Reason.BLOCKED,
    Problem.ORG_INACTIVE: Reason.BLOCKED,
    Problem.CODE_FLOW_NOT_ENABLED: Reason.BLOCKED,
    Problem.FLOW_NOT_ENABLED: Reason.BLOCKED,
    Problem.NO_RUN_AS_USER: Reason.BLOCKED,
    Problem.CERTIFICATE_REFUSED: Reason.SECRET_REFUSED,
    Problem.CLOCK_WRONG: Reason.CLOCK_WRONG,
    Problem.CONSUMER_NOT_APPROVED: Reason.BLOCKED,
    Problem.AUDIENCE_REFUSED: Reason.CLIENT_UNKNOWN,
    Problem.DENIED: Reason.DENIED,
    Problem.CODE_EXPIRED: Reason.CODE_EXPIRED,
    Problem.SCOPE_REFUSED: Reason.SCOPE_REFUSED,
    Problem.API_SCOPE_MISSING: Reason.SCOPE_REFUSED,
    Problem.NO_REFRESH_TOKEN: Reason.NO_REFRESH_TOKEN,
    Problem.REVOKED: Reason.REVOKED,
    Problem.NOT_CONNECTED: Reason.REVOKED,
    Problem.API_DISABLED_FOR_ORG: Reason.API_DISABLED,
    Problem.API_DISABLED_FOR_USER: Reason.API_DISABLED,
    Problem.DATA_API_CLOSED: Reason.API_DISABLED,
    Problem.INSTANCE_MOVED: Reason.UNREACHABLE,
    Problem.OTHER_ORG: Reason.OTHER_ORG,
    Problem.IP_RESTRICTED: Reason.IP_RESTRICTED,
    Problem.SESSION_REFUSED: Reason.SESSION_REFUSED,
    Problem.TOO_MANY_REQUESTS: Reason.UNREACHABLE,
    Problem.HOST_NOT_FOUND: Reason.UNREACHABLE,
    Problem.CONNECTION_FAILED: Reason.UNREACHABLE,
    Problem.CERTIFICATE_NOT_TRUSTED: Reason.UNREACHABLE,
    Problem.ADDRESS_MOVED: Reason.UNREACHABLE,
    Problem.MAINTENANCE: Reason.UNREACHABLE,
    Problem.SERVER_ERROR: Reason.UNREACHABLE,
    Problem.NOT_SALESFORCE: Reason.UNREACHABLE,
    Problem.NO_ANSWER_IN_TIME: Reason.TIMED_OUT,
    Problem.NEVER_CAME_BACK: Reason.TIMED_OUT,
}

_ABOUT_THE_REQUEST = frozenset(
    {
        Problem.OBJECT_GONE,
        Problem.NOT_DESCRIBED,
        Problem.FIELD_GONE,
        Problem.QUERY_REFUSED,
        Problem.QUERY_TIMED_OUT,
        Problem.LOCATOR_GONE,
        Problem.PAGES_REPEAT,
        Problem.ROWS_DIFFER,
        Problem.NOT_FOUND,
        Problem.NO_ACCESS,
        Problem.EXTERNAL_SOURCE,
        Problem.NOT_IN_BULK,
        Problem.BULK_LIMIT_REACHED,
        Problem.UNEXPECTED,
    }
)

_TRANSIENT = frozenset(
    {
        Problem.TOKEN_REQUEST_BUSY,
        Problem.LOGIN_RATE_EXCEEDED,
        Problem.REQUEST_LIMIT_EXCEEDED,
        Problem.TOO_MANY_REQUESTS,
        Problem.HOST_NOT_FOUND,
        Problem.CONNECTION_FAILED,
        Problem.CERTIFICATE_NOT_TRUSTED,
        Problem.MAINTENANCE,
        Problem.SERVER_ERROR,
        Problem.NOT_SALESFORCE,
        Problem.NO_ANSWER_IN_TIME,
        Problem.INSTANCE_MOVED,
    }
)

_MAX_DETAIL = 300


class SalesforceError(Exception):
    """Salesforce refused or didn't answer; `detail` is its own text, shortened and without control characters.

    `retry_after` is how many seconds Salesforce asked to wait (RFC 9110 section 10.2.3), None if it didn't.
    `is_about_access`: the token endpoint refused, so the error concerns all calls.
    """

    def __init__(
        self, problem: Problem, detail: str = "", *, retry_after: float | None = None, is_about_access: bool = False
    ) -> None:
        self.problem, self.retry_after, self.is_about_access = problem, retry_after, is_about_access
        self.detail = tidy(detail)
        super().__init__(f"{problem}: {self.detail}" if self.detail else str(problem))

    @property
    def is_about_the_request(self) -> bool:
        """True when only this one request was refused, and others with the same token may work."""
        return self.problem.is_about_the_request and not self.is_about_access


def tidy(text: str) -> str:
    """Remote text made safe for a page and a log line: one line, printable, at most 300 characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    flat = " ".join(printable.split())
    return flat if len(flat) <= _MAX_DETAIL else flat[: _MAX_DETAIL - 1] + "…"
