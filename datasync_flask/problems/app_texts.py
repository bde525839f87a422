"""In plain words: what can be wrong with the app in the org, and on the way from this machine to the login address."""

from __future__ import annotations

from datasync_flask.problems.problem_help import Action, ProblemText
from datasync_flask.salesforce.errors import Problem

APP_TEXTS: dict[Problem, ProblemText] = {
    Problem.APP_NOT_FOUND: ProblemText(
        "App not found in this org",
        "Salesforce says that the org behind the login address has no such app. For a new app that is normal for 2 to "
        "10 minutes; later it means that the app is in another org, or isn't installed in this one.",
        (
            "Check the login host. If it is Production or Sandbox, choose My Domain and enter the address of the org "
            "where the app was created, like acme--uat.sandbox.my.salesforce.com.",
            "If the app comes from a package or from another org, ask the Salesforce administrator to install it.",
            "If both are right, keep waiting.",
        ),
        Action.WATCH,
    ),
    Problem.APP_GONE: ProblemText(
        "App no longer known",
        "Salesforce knew this app and doesn't any more: it was deleted, uninstalled or blocked, or the sandbox was "
        "refreshed.",
        (
            "Ask the Salesforce administrator whether the app is still in External Client App Manager (or App Manager) "
            "and isn't blocked under Connected Apps OAuth Usage.",
            "If it is gone, create it again, enter its new Client ID and Client Secret here, and authenticate.",
        ),
        Action.EDIT,
    ),
    Problem.APP_OF_ANOTHER_ORG: ProblemText(
        "App belongs to another org",
        "The app was created in another org, and Salesforce doesn't let users of this org use it.",
        (
            "Create the app in the org that data is read from and enter its Client ID and Client Secret here.",
            "Or edit the connection and enter the address of the org where the app was created.",
        ),
        Action.EDIT,
    ),
    Problem.SECRET_NEEDED: ProblemText(
        "Client Secret needed",
        "The connection is set to work without a Client Secret, but the app in Salesforce requires one.",
        (
            "Edit the connection, choose that the app requires a secret, and enter the Consumer Secret.",
            "Or in Salesforce, edit the app's OAuth settings and untick Require secret for Web Server Flow and Require "
            "secret for Refresh Token Flow.",
        ),
        Action.EDIT,
    ),
    Problem.ORG_INACTIVE: ProblemText(
        "Org inactive",
        "Salesforce says that the whole org is inactive: a trial or sandbox has expired, or the org was suspended.",
        ("Ask the Salesforce administrator to have the org reactivated. Then authenticate again.",),
        Action.AUTHENTICATE,
    ),
    Problem.APPROVAL_FAILED: ProblemText(
        "Salesforce couldn't finish the approval",
        "Salesforce showed its general error page instead of Allow Access. Mostly the app isn't installed in the org, "
        "or the user may not approve it.",
        (
            "Ask the Salesforce administrator to open Setup, Connected Apps OAuth Usage, and to install and unblock "
            "the app there.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.CODE_FLOW_NOT_ENABLED: ProblemText(
        "Signing in is off for this app",
        "The app in Salesforce doesn't allow that a person signs in and allows access.",
        (
            "In Salesforce, edit the app's OAuth settings and allow the web server flow. Or choose another "
            "authentication here that the app allows.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
    ),
    Problem.CLOCK_WRONG: ProblemText(
        "Clock is wrong",
        "Salesforce refuses what DataSync signed because of its time: the clock of the machine that DataSync runs on "
        "is ahead or behind.",
        (
            "Have the machine's clock set by a time server (NTP), for instance with: timedatectl set-ntp true. In a "
            "container, that is the clock of its host.",
            "datasync doctor shows by how much it differs. Then keep waiting.",
        ),
        Action.WATCH,
    ),
    Problem.CERTIFICATE_NOT_TRUSTED: ProblemText(
        "Login host's certificate not trusted",
        "The connection is encrypted, but the certificate that came isn't one that this machine trusts: a proxy that "
        "inspects TLS put its own there, the certificate is for another host name, or it has expired. A wrong clock of "
        "this machine makes a good certificate look expired.",
        (
            "If a company proxy inspects TLS, put its authority's certificate into a file and name the file in "
            "SSL_CERT_FILE; if connections have to go through a proxy, name it in HTTPS_PROXY. Then restart DataSync.",
            "Check that the machine's clock is right (NTP).",
            "Open the login address in a browser on the same network and look at its certificate.",
        ),
        Action.WATCH,
    ),
    Problem.ADDRESS_MOVED: ProblemText(
        "Org has a new address",
        "The login address leads on to another one, which is shown below: the org's My Domain was renamed.",
        ("Edit the connection, enter the new address as its login address, and save.",),
        Action.EDIT,
    ),
    Problem.MAINTENANCE: ProblemText(
        "Salesforce is under maintenance",
        "Salesforce shows a page that says that the org is being set up or maintained. DataSync tries again.",
        ("Look at Salesforce's status page for the org's instance.", "Then keep waiting."),
        Action.WATCH,
    ),
}
