"""What is said of a problem: who can mend it, where in Salesforce's Setup, and what its words are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from datasync_flask.salesforce.errors import Problem, Reason


class Action(enum.StrEnum):
    """The button that belongs to a problem."""

    AUTHENTICATE = "authenticate"
    WATCH = "watch"
    CHECK = "check"
    EDIT = "edit"


@dataclass(frozen=True)
class ProblemText:
    """`title` fits a status pill, `meaning` is one or two sentences, `steps` say what to do, `action` is the button."""

    title: str
    meaning: str
    steps: tuple[str, ...]
    action: Action


class Mender(enum.StrEnum):
    """Whose hands a problem is in."""

    YOU = "You"
    SALESFORCE_ADMINISTRATOR = "The Salesforce administrator"
    OPERATOR = "Whoever runs DataSync"
    SALESFORCE = "Salesforce"


@dataclass(frozen=True)
class SetupPage:
    """A page of Salesforce's Setup: its name there, and its path in the org."""

    name: str
    path: str


# How to come to where an app's users are chosen; goes into sentences.
APP_POLICIES = "open the app's Policies tab (for a connected app: Manage, then Edit Policies)"

EXTERNAL_APPS = SetupPage("External Client App Manager", "/lightning/setup/ManageExternalClientApplication/home")
APP_MANAGER = SetupPage("App Manager", "/lightning/setup/NavigationMenus/home")
OAUTH_USAGE = SetupPage("Connected Apps OAuth Usage", "/lightning/setup/ConnectedAppsUsage/home")
USERS = SetupPage("Users", "/lightning/setup/ManageUsers/home")
PERMISSION_SETS = SetupPage("Permission Sets", "/lightning/setup/PermSets/home")
NETWORK_ACCESS = SetupPage("Network Access", "/lightning/setup/NetworkAccess/home")
COMPANY = SetupPage("Company Information", "/lightning/setup/CompanyProfileInfo/home")
SESSION_SETTINGS = SetupPage("Session Settings", "/lightning/setup/SecuritySession/home")
MY_DOMAIN = SetupPage("My Domain", "/lightning/setup/OrgDomain/home")

_APPS = (EXTERNAL_APPS, APP_MANAGER)

WHERE: dict[Problem, tuple[SetupPage, ...]] = {
    Problem.CLIENT_UNKNOWN: _APPS,
    Problem.APP_NOT_FOUND: (*_APPS, OAUTH_USAGE),
    Problem.APP_GONE: (*_APPS, OAUTH_USAGE),
    Problem.APP_OF_ANOTHER_ORG: _APPS,
    Problem.SECRET_NEEDED: _APPS,
    Problem.ORG_INACTIVE: (COMPANY,),
    Problem.APPROVAL_FAILED: (OAUTH_USAGE,),
    Problem.CODE_FLOW_NOT_ENABLED: _APPS,
    Problem.ADDRESS_MOVED: (MY_DOMAIN,),
    Problem.CALLBACK_MISMATCH: _APPS,
    Problem.SECRET_REFUSED: _APPS,
    Problem.APP_BLOCKED: (OAUTH_USAGE,),
    Problem.APP_NOT_INSTALLED: (OAUTH_USAGE, PERMISSION_SETS),
    Problem.USER_NOT_APPROVED: _APPS,
    Problem.USER_INACTIVE: (USERS,),
    Problem.FLOW_NOT_ENABLED: _APPS,
    Problem.NO_RUN_AS_USER: _APPS,
    Problem.CERTIFICATE_REFUSED: _APPS,
    Problem.CONSUMER_NOT_APPROVED: (*_APPS, USERS),
    Problem.AUDIENCE_REFUSED: (MY_DOMAIN,),
    Problem.MY_DOMAIN_NEEDED: (MY_DOMAIN,),
    Problem.PKCE_MISSING: _APPS,
    Problem.SCOPE_REFUSED: _APPS,
    Problem.API_SCOPE_MISSING: _APPS,
    Problem.NO_REFRESH_TOKEN: _APPS,
    Problem.REVOKED: (OAUTH_USAGE,),
    Problem.SESSION_REFUSED: (*_APPS, SESSION_SETTINGS),
    Problem.API_DISABLED_FOR_ORG: (COMPANY,),
    Problem.API_DISABLED_FOR_USER: (PERMISSION_SETS, USERS),
    Problem.DATA_API_CLOSED: (PERMISSION_SETS, COMPANY),
    Problem.INSTANCE_MOVED: (MY_DOMAIN,),
    Problem.IP_RESTRICTED: (*_APPS, NETWORK_ACCESS),
    Problem.REQUEST_LIMIT_EXCEEDED: (COMPANY,),
    Problem.UNTRUSTED_INSTANCE: (MY_DOMAIN,),
    Problem.OBJECT_GONE: (PERMISSION_SETS,),
    Problem.FIELD_GONE: (PERMISSION_SETS,),
    Problem.NO_ACCESS: (PERMISSION_SETS,),
}

# What somebody with Setup rights in Salesforce has to mend, who often is somebody else.
FOR_ADMINISTRATORS = frozenset(
    {
        Reason.BLOCKED,
        Reason.SCOPE_REFUSED,
        Reason.NO_REFRESH_TOKEN,
        Reason.API_DISABLED,
        Reason.IP_RESTRICTED,
        Reason.SESSION_REFUSED,
    }
)
_OPERATORS = frozenset(
    {
        Problem.HOST_NOT_FOUND,
        Problem.CLOCK_WRONG,
        Problem.CERTIFICATE_NOT_TRUSTED,
        Problem.CONNECTION_FAILED,
        Problem.NOT_SALESFORCE,
        Problem.NO_ANSWER_IN_TIME,
        Problem.INSTANCE_MOVED,
        Problem.UNTRUSTED_INSTANCE,
        Problem.SECRETS_UNREADABLE,
    }
)
_ACCESS_TO_DATA = frozenset({Problem.OBJECT_GONE, Problem.FIELD_GONE, Problem.NO_ACCESS})
_IN_THE_ORG = frozenset({Problem.APP_GONE, Problem.APPROVAL_FAILED})
_NOBODY_HERE = frozenset(
    {Problem.MAINTENANCE, Problem.SERVER_ERROR, Problem.TOO_MANY_REQUESTS, Problem.TOKEN_REQUEST_BUSY}
)


def mender_of(problem: Problem) -> Mender:
    """Return who can mend `problem`."""
    if problem.reason in FOR_ADMINISTRATORS or problem in _ACCESS_TO_DATA | _IN_THE_ORG:
        return Mender.SALESFORCE_ADMINISTRATOR
    if problem in _OPERATORS:
        return Mender.OPERATOR
    return Mender.SALESFORCE if problem in _NOBODY_HERE else Mender.YOU
