"""In plain words: what can be wrong when no person allows access."""

from __future__ import annotations

from datasync_flask.problems.problem_help import APP_POLICIES, Action, ProblemText
from datasync_flask.salesforce.errors import Problem

HEADLESS_TEXTS: dict[Problem, ProblemText] = {
    Problem.FLOW_NOT_ENABLED: ProblemText(
        "Headless authentication is off",
        "The app doesn't allow anybody to work without a person who allows access.",
        (
            "In Salesforce, edit the app's OAuth settings and tick Enable Client Credentials Flow; for a signed token, "
            "Enable JWT Bearer Flow (in a connected app: Use digital signatures).",
            "Save there and go on waiting: the change takes 2 to 10 minutes.",
        ),
        Action.WATCH,
    ),
    Problem.NO_RUN_AS_USER: ProblemText(
        "No run-as user",
        "Headless authentication needs a user in whose name the app works, and the app names none.",
        (
            f"In Salesforce, {APP_POLICIES}, and name a user under Client Credentials Flow, Run As.",
            "Save there and go on waiting: the change takes 2 to 10 minutes.",
        ),
        Action.WATCH,
    ),
    Problem.MY_DOMAIN_NEEDED: ProblemText(
        "My Domain needed",
        "Salesforce doesn't offer this kind of authentication at this login host, only at the org's own address.",
        ("Edit the connection, choose My Domain as its login host and enter the org's address.",),
        Action.EDIT,
    ),
    Problem.CERTIFICATE_REFUSED: ProblemText(
        "Certificate refused",
        "Salesforce knows the app but doesn't accept what DataSync signed: the app holds another certificate, or none.",
        (
            "Download the certificate from this page and upload it in the app's OAuth settings: under Enable JWT "
            "Bearer Flow, or in a connected app under Use digital signatures.",
            "Check that the clock of the machine that DataSync runs on is right: what it signs holds for two minutes.",
            "Save there and go on waiting: the change takes 2 to 10 minutes.",
        ),
        Action.WATCH,
    ),
    Problem.CONSUMER_NOT_APPROVED: ProblemText(
        "User not approved",
        "Salesforce says that this user hasn't approved the app. It says so too when there is no user of this name.",
        (
            "Compare the Username here with the one on the user's page in Salesforce. It looks like an e-mail address "
            "but often isn't the user's e-mail address; in a sandbox the sandbox's name follows it.",
            f"In Salesforce, {APP_POLICIES}, set Permitted Users to Admin approved users are pre-authorized and "
            "add the user's profile or a permission set that the user has.",
            "Check that the app's scopes hold api and refresh_token.",
            "Save there and go on waiting.",
        ),
        Action.WATCH,
    ),
    Problem.AUDIENCE_REFUSED: ProblemText(
        "Login host doesn't match",
        "Salesforce knows the app, but says that the signed request was meant for another login host.",
        (
            "Edit the connection and choose the login host of the org where the app was made: Production, Sandbox, or "
            "best My Domain with the org's own address.",
        ),
        Action.EDIT,
    ),
}
