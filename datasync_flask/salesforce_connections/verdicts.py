"""The checks of a connection with one verdict each: page, API, commands and notifications show this list.

This decides nothing: it derives from the connection's state, its problem and its last check, as stored.
"""

from __future__ import annotations

from flask_babel import format_decimal, gettext, ngettext

from datasync_flask.connections.kinds import ShownCheck, Verdict
from datasync_flask.connections.models import State
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce.errors import Problem, Reason
from datasync_flask.salesforce_connections import visibility
from datasync_flask.salesforce_connections.models import SalesforceConnection, SalesforceGrant

# From this share of the day's API calls on, a warning is due.
FEW_CALLS_LEFT = 0.1

_ADDRESS = frozenset(
    {
        Problem.CERTIFICATE_NOT_TRUSTED, Problem.ADDRESS_MOVED, Problem.MAINTENANCE, Problem.HOST_NOT_FOUND,
        Problem.CONNECTION_FAILED, Problem.SERVER_ERROR, Problem.NOT_SALESFORCE, Problem.NO_ANSWER_IN_TIME,
        Problem.MY_DOMAIN_NEEDED, Problem.AUDIENCE_REFUSED, Problem.TOO_MANY_REQUESTS, Problem.UNTRUSTED_INSTANCE,
        Problem.INSTANCE_MOVED,
    }
)  # fmt: skip
_APP_REASONS = frozenset({Reason.CLIENT_UNKNOWN, Reason.CALLBACK_MISMATCH, Reason.SECRET_REFUSED})
_APP = frozenset(
    {
        Problem.APP_BLOCKED, Problem.APP_NOT_INSTALLED, Problem.CODE_FLOW_NOT_ENABLED, Problem.FLOW_NOT_ENABLED,
        Problem.CONSUMER_NOT_APPROVED, Problem.PKCE_MISSING,
    }
)  # fmt: skip
_DATA_API = frozenset(
    {
        Problem.API_DISABLED_FOR_ORG, Problem.API_DISABLED_FOR_USER, Problem.DATA_API_CLOSED,
        Problem.API_SCOPE_MISSING, Problem.REQUEST_LIMIT_EXCEEDED,
    }
)  # fmt: skip
# The colour and shape of a verdict's pill, by its name in the stylesheet.
TONES = {Verdict.OK: "good", Verdict.WARNING: "warning", Verdict.FAILED: "bad", Verdict.UNKNOWN: "idle"}
_DATA_CHECKS = ("address", "app", "signed_in", "data_api")


def _failed_at(problem: Problem) -> int:
    """The check on the way to the data that a problem belongs to."""
    if problem in _ADDRESS:
        return 0
    if problem in _APP or problem.reason in _APP_REASONS:
        return 1
    return 3 if problem in _DATA_API or problem.is_about_the_request else 2


def titles() -> dict[str, str]:
    """The names of the checks, in their order."""
    return {
        "address": gettext("Address answers"),
        "app": gettext("App known"),
        "signed_in": gettext("Signed in"),
        "data_api": gettext("Data API"),
        "limits": gettext("Limits"),
        "api_calls": gettext("API calls left"),
        "visibility": gettext("Objects and fields visible"),
    }


def verdict_label(verdict: Verdict) -> str:
    """The name of a verdict."""
    labels = {
        Verdict.OK: gettext("OK"),
        Verdict.WARNING: gettext("Warning"),
        Verdict.FAILED: gettext("Failed"),
        Verdict.UNKNOWN: gettext("Not known"),
    }
    return labels[verdict]


def as_text(connection: SalesforceConnection) -> str:
    """All checks as running text, for notifications."""
    found = checks_of(connection)
    return "\n".join(f"{check.title}: {verdict_label(check.verdict)}. {check.text}" for check in found)


def checks_of(connection: SalesforceConnection) -> list[ShownCheck]:
    """All checks of a connection in the order they are made; a check that wasn't reached is unknown."""
    found = {
        **_data_checks(connection),
        **_of_limits(connection.grant),
        "visibility": visibility.verdict(connection.visibility),
    }
    return [ShownCheck(code, *found[code], title) for code, title in titles().items()]


def _data_checks(connection: SalesforceConnection) -> dict[str, tuple[Verdict, str]]:
    problem, texts = connection.current_problem, _good_texts(connection)
    failed = _failed_at(problem) if problem is not None else None
    passed = _passed(connection, failed)
    found: dict[str, tuple[Verdict, str]] = {}
    for number, code in enumerate(_DATA_CHECKS):
        if problem is not None and number == failed:
            told = trouble(problem, During.CONNECTION)
            # Tokens that still work, or a wait, aren't a failure.
            is_failed = connection.state == State.NEEDS_ATTENTION and not connection.works
            found[code] = (Verdict.FAILED if is_failed else Verdict.WARNING, f"{told.title}. {told.meaning}")
        elif number < passed:
            found[code] = (Verdict.OK, texts[code])
        else:
            found[code] = (Verdict.UNKNOWN, _not_known(connection, code))
    return found


def _passed(connection: SalesforceConnection, failed: int | None) -> int:
    """How many of the first checks on the way to the data succeeded."""
    if connection.works:
        return len(_DATA_CHECKS)
    if failed is not None:
        return failed
    knows_app = connection.app_known_at is not None and connection.state != State.WAITING
    return 2 if knows_app or connection.state in {State.READY, State.AUTHORIZING} else 0


def _good_texts(connection: SalesforceConnection) -> dict[str, str]:
    host, grant = connection.login_origin.split("://")[-1], connection.grant
    return {
        "address": gettext("%(host)s answers.", host=host),
        "app": gettext("Salesforce knows the app."),
        "signed_in": gettext("Salesforce signed in %(user)s.", user=grant.user_title)
        if grant is not None and grant.user_title
        else gettext("Salesforce gave tokens."),
        "data_api": gettext("A query was answered, with API version %(version)s.", version=grant.api_version)
        if grant is not None and grant.api_version
        else gettext("A query was answered."),
    }


def _not_known(connection: SalesforceConnection, code: str) -> str:
    if connection.state == State.DRAFT:
        return gettext("Not checked yet: the connection is a draft.")
    if code == "signed_in" and connection.state == State.READY:
        return gettext("Not checked yet: nobody has allowed access.")
    return gettext("Not checked yet: the checks before it come first.")


def _of_limits(grant: SalesforceGrant | None) -> dict[str, tuple[Verdict, str]]:
    if grant is None or grant.checked_at is None:
        text = gettext("Not checked yet: the checks before it come first.")
        return {"limits": (Verdict.UNKNOWN, text), "api_calls": (Verdict.UNKNOWN, text)}
    left, most = grant.api_calls_left, grant.api_calls_max
    if left is None or most is None:
        return {
            "limits": (
                Verdict.WARNING,
                gettext("This user can’t see the org’s limits. It needs the permission View Setup and Configuration."),
            ),
            "api_calls": (Verdict.UNKNOWN, gettext("Salesforce didn’t say how many API calls are left.")),
        }
    text = ngettext(
        "%(left)s of %(most)s API call left today.", "%(left)s of %(most)s API calls left today.", most,
        left=format_decimal(left), most=format_decimal(most),
    )  # fmt: skip
    calls = Verdict.OK if left > most * FEW_CALLS_LEFT else Verdict.WARNING if left else Verdict.FAILED
    return {"limits": (Verdict.OK, gettext("Salesforce shows the org’s limits.")), "api_calls": (calls, text)}
