"""What can be wrong with the app in the org."""

from __future__ import annotations

from datasync_flask.problems.setup_pages import (
    APP_MANAGER,
    COMPANY,
    EXTERNAL_APPS,
    MY_DOMAIN,
    OAUTH_USAGE,
    PERMISSION_SETS,
    USERS,
)
from datasync_flask.problems.trouble import Action, Entry, Responsible
from datasync_flask.salesforce.errors import Problem

APP: dict[Problem, Entry] = {
    Problem.APP_NOT_FOUND: Entry(
        "App not found in this org",
        "Salesforce says that the org behind the login address has no such app. For a new app that is normal for "
        "2 to 10 minutes; later it means that the app is in another org, or isn’t installed in this one.",
        (
            "Check the login host. If it is Production or Sandbox, choose My Domain and enter the address of the "
            "org where the app was created, like acme--uat.sandbox.my.salesforce.com.",
            "If the app comes from a package or from another org, ask the Salesforce administrator to install it.",
            "If both are right, keep waiting.",
        ),
        Action.KEEP_WAITING,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER, OAUTH_USAGE),
    ),
    Problem.APP_GONE: Entry(
        "App no longer known",
        "Salesforce knew this app and doesn’t any more: it was deleted, uninstalled or blocked, or the sandbox "
        "was refreshed.",
        (
            "Ask the Salesforce administrator to check that the app is still in External Client App Manager (or App "
            "Manager) and isn’t blocked under Connected Apps OAuth Usage.",
            "If it is gone, create it again, enter its new Client ID and Client Secret here, and authenticate.",
        ),
        Action.EDIT,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER, OAUTH_USAGE),
    ),
    Problem.APP_OF_ANOTHER_ORG: Entry(
        "App belongs to another org",
        "The app was created in another org, and Salesforce doesn’t let users of this org use it.",
        (
            "Create the app in the org that data is read from and enter its Client ID and Client Secret here.",
            "Or edit the connection and enter the address of the org where the app was created.",
        ),
        Action.EDIT,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.SECRET_NEEDED: Entry(
        "Client Secret needed",
        "The connection is set to work without a Client Secret, but the app in Salesforce requires one.",
        (
            "Edit the connection, choose that the app requires a secret, and enter the Consumer Secret.",
            "Or in Salesforce, edit the app’s OAuth settings and untick Require secret for Web Server Flow and "
            "Require secret for Refresh Token Flow.",
        ),
        Action.EDIT,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.ORG_INACTIVE: Entry(
        "Org inactive",
        "Salesforce says that the whole org is inactive: a trial or sandbox has expired, or the org was suspended.",
        ("Ask the Salesforce administrator to have the org reactivated. Then authenticate again.",),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(COMPANY,),
    ),
    Problem.APPROVAL_FAILED: Entry(
        "Salesforce couldn’t finish the approval",
        "Salesforce showed its general error page instead of Allow Access. Mostly the app isn’t installed in the "
        "org, or the user may not approve it.",
        (
            "Ask the Salesforce administrator to open Setup, Connected Apps OAuth Usage, and to install and "
            "unblock the app there.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(OAUTH_USAGE,),
    ),
    Problem.CODE_FLOW_NOT_ENABLED: Entry(
        "Signing in is off for this app",
        "The app in Salesforce doesn’t allow that a person signs in and allows access.",
        (
            "In Salesforce, edit the app’s OAuth settings and allow the web server flow. Or choose another "
            "authentication here that the app allows.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.FLOW_NOT_ENABLED: Entry(
        "Client credentials are off",
        "The app gives access only to a person who signs in and allows it.",
        (
            "In Salesforce, edit the app’s OAuth settings and tick Enable Client Credentials Flow; for a signed "
            "token, Enable JWT Bearer Flow (in a connected app: Use digital signatures).",
            "Save there and keep waiting: the change takes 2 to 10 minutes.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.NO_RUN_AS_USER: Entry(
        "No run-as user",
        "Client credentials need a user that the app runs as, and the app names none.",
        (
            "In Salesforce, open the app’s Policies tab (for a connected app: Manage, then Edit Policies), and "
            "name a user under Client Credentials Flow, Run As.",
            "Save there and keep waiting: the change takes 2 to 10 minutes.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.MY_DOMAIN_NEEDED: Entry(
        "My Domain needed",
        "Salesforce doesn’t offer this kind of authentication at this login host, only at the org’s own address.",
        ("Edit the connection, choose My Domain as its login host and enter the org’s address.",),
        Action.EDIT,
        setup_pages=(MY_DOMAIN,),
    ),
    Problem.CERTIFICATE_REFUSED: Entry(
        "Certificate refused",
        "Salesforce knows the app but doesn’t accept what DataSync signed: the app holds another certificate, or none.",
        (
            "Download the certificate from this page and upload it in the app’s OAuth settings: under Enable JWT "
            "Bearer Flow, or in a connected app under Use digital signatures.",
            "Check that the clock of the machine that DataSync runs on is right: what it signs holds for two minutes.",
            "Save there and keep waiting: the change takes 2 to 10 minutes.",
        ),
        Action.KEEP_WAITING,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.CONSUMER_NOT_APPROVED: Entry(
        "User not approved",
        "Salesforce says that this user hasn’t approved the app. It says so too when there is no user of this name.",
        (
            "Compare the Username here with the one on the user’s page in Salesforce. It looks like an email "
            "address but often isn’t the user’s email address; in a sandbox the sandbox’s name follows it.",
            "In Salesforce, open the app’s Policies tab (for a connected app: Manage, then Edit Policies), set "
            "Permitted Users to Admin approved users are pre-authorized and add the user’s profile or a "
            "permission set that the user has.",
            "Check that the app’s scopes hold api and refresh_token.",
            "Save there and keep waiting.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER, USERS),
    ),
    Problem.AUDIENCE_REFUSED: Entry(
        "Login host doesn’t match",
        "Salesforce knows the app, but says that the signed request was meant for another login host.",
        (
            "Edit the connection and choose the login host of the org where the app was created: Production, "
            "Sandbox, or, better, My Domain with the org’s own address.",
        ),
        Action.EDIT,
        setup_pages=(MY_DOMAIN,),
    ),
    Problem.CLIENT_UNKNOWN: Entry(
        "Client ID unknown",
        "Salesforce doesn’t know this Client ID. For a new app that is normal for 2 to 10 minutes; later it means"
        " that the Client ID is wrong or belongs to another org.",
        (
            "In Salesforce, open the app and compare its Consumer Key with the Client ID here, to the last character.",
            "Check the login host: an app made in a sandbox is known there only, and the other way round. If it "
            "is Production or Sandbox, choose My Domain instead and enter the org’s own address, like acme--"
            "uat.sandbox.my.salesforce.com: many orgs are known only there.",
            "If both are right, keep waiting.",
        ),
        Action.KEEP_WAITING,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.CALLBACK_MISMATCH: Entry(
        "Callback URL doesn’t match",
        "Salesforce knows the app, but the app doesn’t list this Callback URL. After a change that is normal for "
        "2 to 10 minutes; later it means that the two differ.",
        (
            "Copy the Callback URL from this page and paste it into the app’s Callback URL field in Salesforce, "
            "on a line of its own, and save there.",
            "It has to be the same to the last character: https, no slash at the end, no space.",
            "Then keep waiting: the change takes 2 to 10 minutes.",
        ),
        Action.KEEP_WAITING,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.SECRET_REFUSED: Entry(
        "Client Secret refused",
        "Salesforce knows the Client ID but refuses the Client Secret that belongs to it.",
        (
            "In Salesforce, open the app’s Consumer Key and Secret and copy the Consumer Secret again.",
            "Paste it into Client Secret here and save.",
        ),
        Action.EDIT,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.APP_BLOCKED: Entry(
        "App blocked",
        "An administrator has blocked this app in the Salesforce org.",
        (
            "Ask the Salesforce administrator to open Setup, Connected Apps OAuth Usage (or External Client Apps "
            "OAuth Usage) and to click Unblock next to the app.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(OAUTH_USAGE,),
    ),
    Problem.APP_NOT_INSTALLED: Entry(
        "App not installed in the org",
        "The app isn’t installed in this Salesforce org, and the user may not approve apps that aren’t.",
        (
            "Ask the Salesforce administrator to open Setup, Connected Apps OAuth Usage and to click Install next"
            " to the app, or to give the user the permission Approve Uninstalled Connected Apps.",
            "Then authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(OAUTH_USAGE, PERMISSION_SETS),
    ),
    Problem.SCOPE_REFUSED: Entry(
        "Permission level refused",
        "The app in Salesforce doesn’t have all OAuth scopes that the permission level asks for.",
        (
            "In Salesforce, edit the app’s OAuth settings and move the scopes shown for the permission level to "
            "Selected OAuth Scopes. Or choose another permission level here.",
            "Wait 2 to 10 minutes and authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.API_SCOPE_MISSING: Entry(
        "No permission for the API",
        "Salesforce gave a permission that doesn’t open its API.",
        (
            "In Salesforce, edit the app’s OAuth settings and move Manage user data via APIs (api) to Selected "
            "OAuth Scopes.",
            "Wait 2 to 10 minutes and authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
    Problem.NO_REFRESH_TOKEN: Entry(
        "Access will end soon",
        "Salesforce gave access only until the current session ends, and no refresh token to renew it.",
        (
            "In Salesforce, edit the app’s OAuth settings: Perform requests at any time (refresh_token, "
            "offline_access) has to be among the Selected OAuth Scopes.",
            "Then open the app’s Policies tab (for a connected app: Manage, then Edit Policies) and set the "
            "Refresh Token Policy to Refresh token is valid until revoked, or to an idle time; not to Immediately"
            " expire refresh token.",
            "Authenticate again.",
        ),
        Action.AUTHENTICATE,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER),
    ),
}
