"""Each problem in plain words: what happened, what it means, what to do next. Salesforce's screens as it names them."""

from __future__ import annotations

from flask_babel import gettext

from datasync_flask.languages import translated
from datasync_flask.problems.app_texts import APP_TEXTS
from datasync_flask.problems.data_texts import DATA_TEXTS
from datasync_flask.problems.headless_texts import HEADLESS_TEXTS
from datasync_flask.problems.problem_help import APP_POLICIES, Action, Mender, ProblemText, mender_of
from datasync_flask.salesforce.errors import Problem

TEXTS: dict[Problem, ProblemText] = {
    **HEADLESS_TEXTS,
    **APP_TEXTS,
    **DATA_TEXTS,
    Problem.CLIENT_UNKNOWN: ProblemText(
        "Client ID unknown",
        "Salesforce doesn't know this Client ID. For a new app that is normal for 2 to 10 minutes; later it means that "
        "the Client ID is wrong or belongs to another org.",
        (
            "In Salesforce, open the app and compare its Consumer Key with the Client ID here, to the last character.",
            "Check the login host: an app made in a sandbox is known there only, and the other way round. If it is "
            "Production or Sandbox, choose My Domain instead and enter the org's own address, like "
            "acme--uat.sandbox.my.salesforce.com: many orgs are known only there.",
            "If both are right, go on waiting.",
        ),
        Action.WATCH,
    ),
    Problem.CALLBACK_MISMATCH: ProblemText(
        "Callback URL doesn't match",
        "Salesforce knows the app, but the app doesn't list this Callback URL. After a change that is normal for 2 to "
        "10 minutes; later it means that the two differ.",
        (
            "Copy the Callback URL from this page and paste it into the app's Callback URL field in Salesforce, on a "
            "line of its own, and save there.",
            "It has to be the same to the last character: https, no slash at the end, no space.",
            "Then go on waiting: the change takes 2 to 10 minutes.",
        ),
        Action.WATCH,
    ),
    Problem.SECRET_REFUSED: ProblemText(
        "Client Secret refused",
        "Salesforce knows the Client ID but refuses the Client Secret that belongs to it.",
        (
            "In Salesforce, open the app's Consumer Key and Secret and copy the Consumer Secret again.",
            "Paste it into Client Secret here and save.",
        ),
        Action.EDIT,
    ),
    Problem.APP_BLOCKED: ProblemText(
        "App blocked",
        "An administrator has blocked this app in the Salesforce org.",
        (
            "Ask the Salesforce administrator to open Setup, Connected Apps OAuth Usage (or External Client Apps OAuth "
            "Usage) and to click Unblock next to the app.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.APP_NOT_INSTALLED: ProblemText(
        "App not installed in the org",
        "The app isn't installed in this Salesforce org, and the user may not approve apps that aren't.",
        (
            "Ask the Salesforce administrator to open Setup, Connected Apps OAuth Usage and to click Install next to "
            "the app, or to give the user the permission Approve Uninstalled Connected Apps.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.USER_NOT_APPROVED: ProblemText(
        "User not approved",
        "The app is open only to users whom an administrator approved, and this user isn't one of them.",
        (
            f"Ask the Salesforce administrator to {APP_POLICIES} and to add the user's profile or permission set, or "
            "to set Permitted Users to All users may self-authorize.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.USER_INACTIVE: ProblemText(
        "User or org inactive",
        "The Salesforce user, or the whole org, has been deactivated.",
        ("Authenticate again with a user who is active in Salesforce.",),
        Action.AUTHENTICATE,
    ),
    Problem.DENIED: ProblemText(
        "Access was denied",
        "Somebody pressed Deny on Salesforce's Allow Access page.",
        ("Authenticate again and press Allow. Log in to Salesforce as the user whose data should be read.",),
        Action.AUTHENTICATE,
    ),
    Problem.CODE_EXPIRED: ProblemText(
        "Permission expired before use",
        "The permission that Salesforce gave was too old, or used already, when DataSync wanted to use it.",
        ("Authenticate again. Salesforce usually remembers that access was allowed, so it takes one click.",),
        Action.AUTHENTICATE,
    ),
    Problem.VERIFIER_REFUSED: ProblemText(
        "Proof of the request refused",
        "Salesforce refused the proof (PKCE) that the answer belongs to the request made here. This happens when two "
        "tries overlap.",
        ("Close other tabs with this page and authenticate again.",),
        Action.AUTHENTICATE,
    ),
    Problem.PKCE_MISSING: ProblemText(
        "Proof of the request missing",
        "Salesforce says that the request came without the proof (PKCE) that DataSync always sends. Something between "
        "your browser and Salesforce shortened the address.",
        (
            "Authenticate again, without a proxy or browser extension that changes addresses.",
            "If it happens again, look at the app's PKCE setting together with your Salesforce administrator.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.SCOPE_REFUSED: ProblemText(
        "Permission level refused",
        "The app in Salesforce doesn't have all OAuth scopes that the permission level asks for.",
        (
            "In Salesforce, edit the app's OAuth settings and move the scopes shown for the permission level to "
            "Selected OAuth Scopes. Or choose another permission level here.",
            "Wait 2 to 10 minutes and authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.API_SCOPE_MISSING: ProblemText(
        "No permission for the API",
        "Salesforce gave a permission that doesn't open its API.",
        (
            "In Salesforce, edit the app's OAuth settings and move Manage user data via APIs (api) to Selected OAuth "
            "Scopes.",
            "Wait 2 to 10 minutes and authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.NO_REFRESH_TOKEN: ProblemText(
        "Access will end soon",
        "Salesforce gave access only until the present session ends and no refresh token to renew it.",
        (
            "In Salesforce, edit the app's OAuth settings: Perform requests at any time (refresh_token, "
            "offline_access) has to be among the Selected OAuth Scopes.",
            f"Then {APP_POLICIES} and set the Refresh Token Policy to Refresh token is valid until revoked, or to an "
            "idle time; not to Immediately expire refresh token.",
            "Authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.REVOKED: ProblemText(
        "Access was revoked",
        "Salesforce doesn't accept the permission any more. It was revoked or expired, the user's password was reset, "
        "the app's secret was changed, or the same user allowed this app more than five times.",
        ("Authenticate again; everything else about the connection stays as it is.",),
        Action.AUTHENTICATE,
    ),
    Problem.API_DISABLED_FOR_ORG: ProblemText(
        "Org has no API access",
        "The Salesforce org's edition doesn't include the API (Professional Edition needs an add-on).",
        ("Ask the Salesforce administrator about API access for the org.", "Then check again."),
        Action.CHECK,
    ),
    Problem.API_DISABLED_FOR_USER: ProblemText(
        "User has no API access",
        "The Salesforce user who allowed access may not use the API.",
        (
            "Ask the Salesforce administrator to give the user the permission API Enabled (in the profile or a "
            "permission set). Then check again.",
            "Or authenticate again as a user who has it.",
        ),
        Action.CHECK,
    ),
    Problem.IP_RESTRICTED: ProblemText(
        "Address of this server not allowed",
        "Salesforce refuses requests from the network address of the server DataSync runs on, or outside login hours.",
        (
            f"Ask the Salesforce administrator to {APP_POLICIES} and to set IP Relaxation to Relax IP restrictions, "
            "or to add this server's public address to the trusted IP ranges.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.TOKEN_REQUEST_BUSY: ProblemText(
        "Salesforce is busy with this token",
        "Salesforce says that another request for the same token is being processed.",
        ("Check again in a minute.",),
        Action.CHECK,
    ),
    Problem.LOGIN_RATE_EXCEEDED: ProblemText(
        "Too many log-ins",
        "Salesforce allows no more log-ins for this user for now (3,600 an hour).",
        ("Wait an hour and check again. Look for other programs that log in as the same user.",),
        Action.CHECK,
    ),
    Problem.REQUEST_LIMIT_EXCEEDED: ProblemText(
        "Day's API calls are used up",
        "The org has used all API calls of the last 24 hours, so Salesforce answers no more of them.",
        ("Nothing needs to be done here: DataSync looks again every hour.",),
        Action.CHECK,
    ),
    Problem.HOST_NOT_FOUND: ProblemText(
        "Login host not found",
        "There is no computer of this name. The login host is misspelt, or this server can't look up names.",
        (
            "Compare the login host with the address bar of your browser in Salesforce, and correct it here.",
            "If it is right, check the server's network (DNS).",
        ),
        Action.EDIT,
    ),
    Problem.CONNECTION_FAILED: ProblemText(
        "Salesforce can't be reached",
        "The server DataSync runs on can't connect to Salesforce. A firewall or proxy may be in the way.",
        (
            "Check that the server may open https connections to the login host; if that works through a proxy only, "
            "name the proxy in HTTPS_PROXY (and exceptions in NO_PROXY) and restart DataSync.",
            "Then go on waiting.",
        ),
        Action.WATCH,
    ),
    Problem.SERVER_ERROR: ProblemText(
        "Salesforce has a fault",
        "Salesforce answers with a fault of its own.",
        ("Look at Salesforce's status page for the org's instance.", "Then go on waiting."),
        Action.WATCH,
    ),
    Problem.NOT_SALESFORCE: ProblemText(
        "Answer isn't Salesforce's",
        "What answers at the login host isn't what Salesforce answers: a company proxy or another site may stand in "
        "between.",
        ("Open the login host in a browser and look whether Salesforce's log-in page comes.", "Then go on waiting."),
        Action.WATCH,
    ),
    Problem.NO_ANSWER_IN_TIME: ProblemText(
        "No answer in time",
        "Salesforce took longer than DataSync waits for an answer.",
        ("Check the server's network, then go on waiting.",),
        Action.WATCH,
    ),
    Problem.NEVER_CAME_BACK: ProblemText(
        "Nobody came back from Salesforce",
        "You left for Salesforce more than 10 minutes ago and no answer came back: the tab was closed, or it stayed on "
        "Salesforce's own error page.",
        (
            "Authenticate again.",
            "If Salesforce shows an error page with redirect_uri_mismatch, compare the app's Callback URL with the one "
            "here; with invalid_client_id, wait some more minutes; with OAUTH_APPROVAL_ERROR_GENERIC, ask the "
            "Salesforce administrator whether the app is installed and not blocked.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.UNTRUSTED_INSTANCE: ProblemText(
        "Org address not trusted",
        "Salesforce named an address for the org that isn't one of Salesforce's own, so no token is sent there.",
        (
            "Check the login host.",
            "If the address is right and yours, the administrator of DataSync can add it to DATASYNC_SALESFORCE_HOSTS.",
        ),
        Action.EDIT,
    ),
    Problem.SECRETS_UNREADABLE: ProblemText(
        "Stored secrets can't be read",
        "The key that the Client Secret and tokens were encrypted with is missing.",
        (
            "If the old key still exists, put it back into DATASYNC_ENCRYPTION_KEYS and start DataSync again.",
            "Otherwise edit the connection, enter the Client Secret again, and authenticate. With a signed token, "
            "authenticate and upload the new certificate in Salesforce.",
        ),
        Action.EDIT,
    ),
    Problem.DATA_API_CLOSED: ProblemText(
        "Data API closed",
        "Salesforce still knows who allowed access, but the org refuses every call to its data API, so nothing can be "
        "read.",
        (
            "Ask the Salesforce administrator whether the org's API is switched on, whether the user has API Enabled, "
            "and whether an API access control or a firewall stands in front of the org.",
            "Then check again. DataSync also tries again every hour.",
        ),
        Action.CHECK,
    ),
    Problem.INSTANCE_MOVED: ProblemText(
        "Org isn't at its address",
        "The org doesn't answer at the address that Salesforce gave for it. The login host was asked for the address "
        "once more, and that didn't help; the login host itself works.",
        (
            "Check that this server can reach the org's own address, which stands in the words below.",
            "If the org's My Domain was renamed, check again when the change is through, or authenticate again.",
        ),
        Action.CHECK,
    ),
    Problem.OTHER_ORG: ProblemText(
        "Another org answered",
        "Access was given for another org than the one this connection belongs to. Nothing was read from it.",
        ("Choose below which org the connection belongs to.",),
        Action.AUTHENTICATE,
    ),
    Problem.UNEXPECTED: ProblemText(
        "Unexpected answer",
        "Salesforce answered something that DataSync doesn't know.",
        ("Read Salesforce's own words below, mend what they name, and authenticate again.",),
        Action.AUTHENTICATE,
    ),
}


def administrators_note(problem: Problem, *, description: str, login_host: str, client_id: str) -> str:
    """Return a text ready to be sent to the Salesforce administrator, or '' when that wouldn't help."""
    if mender_of(problem) is not Mender.SALESFORCE_ADMINISTRATOR:
        return ""
    text = text_for_connection(problem)
    note: str = gettext(
        "Our data connection “%(description)s” to %(login_host)s needs a change in Salesforce. %(meaning)s %(steps)s "
        "The app’s Consumer Key ends in %(key_end)s.",
        description=description,
        login_host=login_host,
        meaning=text.meaning,
        steps=" ".join(text.steps),
        key_end=client_id[-6:],
    )
    return note


def text_for(problem: Problem) -> ProblemText:
    """Return the words for a problem in the language of the page."""
    text = TEXTS[problem]
    steps = tuple(translated(step) for step in text.steps)
    return ProblemText(translated(text.title), translated(text.meaning), steps, text.action)


def text_for_connection(problem: Problem) -> ProblemText:
    """Return the words for a problem that a connection has: nothing of runs, which may not exist."""
    text = text_for(problem)
    if not problem.is_about_the_request or problem is Problem.UNEXPECTED:
        return text
    step = gettext("Read Salesforce's own words on the connection's page, fix what they name, then check again.")
    return ProblemText(text.title, text.meaning, (step,), Action.CHECK)


# Nothing can be expected from Salesforce's Allow Access page until these are out of the way: look again first.
LOOK_FIRST = frozenset(
    {
        Problem.CLIENT_UNKNOWN,
        Problem.APP_NOT_FOUND,
        Problem.APP_GONE,
        Problem.CALLBACK_MISMATCH,
        Problem.SECRET_REFUSED,
        Problem.SECRET_NEEDED,
        Problem.CERTIFICATE_NOT_TRUSTED,
        Problem.ADDRESS_MOVED,
        Problem.MAINTENANCE,
        Problem.HOST_NOT_FOUND,
        Problem.CONNECTION_FAILED,
        Problem.SERVER_ERROR,
        Problem.NOT_SALESFORCE,
        Problem.NO_ANSWER_IN_TIME,
    }
)
