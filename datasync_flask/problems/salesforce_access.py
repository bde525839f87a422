"""What can be wrong with the access that a person allows, and with its tokens."""

from __future__ import annotations

from datasync_flask.problems.setup_pages import APP_MANAGER, EXTERNAL_APPS, NETWORK_ACCESS, OAUTH_USAGE, USERS
from datasync_flask.problems.trouble import Action, Entry, Responsible
from datasync_flask.salesforce.errors import Problem

ACCESS: dict[Problem, Entry] = {
    Problem.USER_NOT_APPROVED: Entry(
        "User not approved",
        "The app is open only to users whom an administrator approved, and this user isn’t one of them.",
        (
            "Ask the Salesforce administrator to open the app’s Policies tab (for a connected app: Manage, then "
            "Edit Policies) and to add the user’s profile or permission set, or to set Permitted Users to All "
            "users may self-authorize.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.USER_INACTIVE: Entry(
        "User or org inactive",
        "The Salesforce user, or the whole org, has been deactivated.",
        ("Authenticate again with a user who is active in Salesforce.",),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(USERS,),
    ),
    Problem.DENIED: Entry(
        "Access was denied",
        "Somebody pressed Deny on Salesforce’s Allow Access page.",
        ("Authenticate again and press Allow. Log in to Salesforce as the user whose data should be read.",),
        Action.AUTHENTICATE,
    ),
    Problem.CODE_EXPIRED: Entry(
        "Permission expired before use",
        "The permission that Salesforce gave was too old, or used already, when DataSync wanted to use it.",
        ("Authenticate again. Salesforce usually remembers that access was allowed, so it takes one click.",),
        Action.AUTHENTICATE,
    ),
    Problem.VERIFIER_REFUSED: Entry(
        "Proof of the request refused",
        "Salesforce refused the proof (PKCE) that the answer belongs to the request made here. This happens when "
        "two tries overlap.",
        ("Close other tabs with this page and authenticate again.",),
        Action.AUTHENTICATE,
    ),
    Problem.PKCE_MISSING: Entry(
        "Proof of the request missing",
        "Salesforce says that the request came without the proof (PKCE) that DataSync always sends. Something "
        "between your browser and Salesforce shortened the address.",
        (
            "Authenticate again, without a proxy or browser extension that changes addresses.",
            "If it happens again, look at the app’s PKCE setting together with your Salesforce administrator.",
        ),
        Action.AUTHENTICATE,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.REVOKED: Entry(
        "Access was revoked",
        "Salesforce doesn’t accept the permission any more. It was revoked or expired, the user’s password was "
        "reset, the app’s secret was changed, or the same user allowed this app more than five times.",
        ("Authenticate again; everything else about the connection stays as it is.",),
        Action.AUTHENTICATE,
        setup_pages=(OAUTH_USAGE,),
    ),
    Problem.NOT_CONNECTED: Entry(
        "Not connected",
        "This connection has no access to Salesforce: it hasn’t been connected yet, or somebody disconnected it.",
        ("Open the connection and press Authenticate and Save.",),
        Action.AUTHENTICATE,
    ),
    Problem.IP_RESTRICTED: Entry(
        "Address of this server not allowed",
        "Salesforce refuses requests from the network address of the server DataSync runs on, or outside login hours.",
        (
            "Ask the Salesforce administrator to open the app’s Policies tab (for a connected app: Manage, then "
            "Edit Policies) and to set IP Relaxation to Relax IP restrictions, or to add this server’s public "
            "address to the trusted IP ranges.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER, NETWORK_ACCESS),
    ),
    Problem.NEVER_CAME_BACK: Entry(
        "Nobody came back from Salesforce",
        "You left for Salesforce more than 10 minutes ago and no answer came back: the tab was closed, or it "
        "stayed on Salesforce’s own error page.",
        (
            "Authenticate again.",
            "If Salesforce shows an error page with redirect_uri_mismatch, compare the app’s Callback URL with "
            "the one here; with invalid_client_id, wait some more minutes; with OAUTH_APPROVAL_ERROR_GENERIC, ask"
            " the Salesforce administrator whether the app is installed and not blocked.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.OTHER_ORG: Entry(
        "Another org answered",
        "Access was given for another org than the one this connection belongs to. Nothing was read from it.",
        ("Open the connection and choose which org it belongs to.",),
        Action.AUTHENTICATE,
    ),
}
