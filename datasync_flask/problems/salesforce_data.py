"""What can be wrong with calls to the data API."""

from __future__ import annotations

from datasync_flask.problems.setup_pages import (
    APP_MANAGER,
    COMPANY,
    EXTERNAL_APPS,
    PERMISSION_SETS,
    SESSION_SETTINGS,
    USERS,
)
from datasync_flask.problems.trouble import Action, Entry, Responsible
from datasync_flask.salesforce.errors import Problem

DATA: dict[Problem, Entry] = {
    Problem.SESSION_REFUSED: Entry(
        "Salesforce refuses its own token",
        "Salesforce gives DataSync an access token and then refuses it. The access itself wasn’t revoked: a "
        "session policy, a lock of sessions to an IP address or a policy for API access stands in the way.",
        (
            "Ask the Salesforce administrator to open the app’s Policies tab (for a connected app: Manage, then "
            "Edit Policies) and to check its session policies and IP Relaxation.",
            "They also check Setup, Session Settings (Lock sessions to the IP address from which they "
            "originated), and whether API Access Control allows this app.",
            "Then check again.",
        ),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(EXTERNAL_APPS, APP_MANAGER, SESSION_SETTINGS),
    ),
    Problem.BULK_LIMIT_REACHED: Entry(
        "Bulk API limit reached",
        "The org has used up its Bulk API query jobs, or the space for their results, of the last 24 hours.",
        (
            "DataSync reads by REST what fits the API calls that are left. What doesn’t fit waits: the run checks "
            "again every hour and continues by itself.",
        ),
        Action.CHECK,
    ),
    Problem.NOT_IN_BULK: Entry(
        "Not offered by the Bulk API",
        "Salesforce doesn’t offer this object or field by the Bulk API.",
        ("DataSync reads by REST instead where it can. For an object with very many fields, choose fewer fields.",),
        Action.CHECK,
    ),
    Problem.EXTERNAL_SOURCE: Entry(
        "External data source doesn’t answer",
        "The object’s rows are in another system, which Salesforce asks for them. It refused or didn’t answer.",
        ("Read Salesforce’s own words below and show them to whoever looks after that system. Then run again.",),
        Action.CHECK,
    ),
    Problem.OBJECT_GONE: Entry(
        "Object not visible",
        "Salesforce says that there is no such object, or the user who allowed access may not see it.",
        (
            "Ask the Salesforce administrator whether the object exists, and to give the user the right to read it.",
            "Or remove the object from the extraction.",
        ),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(PERMISSION_SETS,),
    ),
    Problem.NOT_DESCRIBED: Entry(
        "Answer about something else",
        "Salesforce was asked for the fields of this object, and the answer is about something else. Nothing of "
        "it was loaded or changed.",
        (
            "Run again. If the same comes back, show the words below to whoever looks after the network or the "
            "org: a program between DataSync and Salesforce may change answers.",
        ),
        Action.CHECK,
    ),
    Problem.FIELD_GONE: Entry(
        "Field not visible",
        "Salesforce says that a field doesn’t exist any more, or the user who allowed access may not see it.",
        (
            "Run again: the fields are read again before each run.",
            "If it happens again, remove the field from the object, or ask the Salesforce administrator for the "
            "right to read it.",
        ),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(PERMISSION_SETS,),
    ),
    Problem.QUERY_REFUSED: Entry(
        "Query refused",
        "Salesforce doesn’t accept the query for this object, because of its filter or because the object needs one.",
        ("Read Salesforce’s own words below and change the object’s filter.",),
        Action.CHECK,
    ),
    Problem.QUERY_TIMED_OUT: Entry(
        "Query took too long in Salesforce",
        "Salesforce gave the query up because it ran for too long.",
        ("Run again at a quieter time, or filter the object by a field that is indexed.",),
        Action.CHECK,
    ),
    Problem.LOCATOR_GONE: Entry(
        "Place in the result was lost",
        "Salesforce keeps the place in a long result for some time only, and for a few queries at once.",
        ("Run again: it starts again, and nothing is lost or doubled.",),
        Action.CHECK,
    ),
    Problem.PAGES_REPEAT: Entry(
        "Result without an end",
        "Salesforce gives long results in pages. One of them led back to a page that was already read, so reading "
        "would never have ended. The table is unchanged.",
        (
            "Run again. If it happens again, show the words below to Salesforce’s support, or to whoever looks after "
            "the network: a program between DataSync and Salesforce may change answers.",
        ),
        Action.CHECK,
    ),
    Problem.ROWS_DIFFER: Entry(
        "Not as many rows as Salesforce says",
        "Salesforce says how many rows a result has, and twice another number came. The table is unchanged.",
        (
            "Run again. If it happens again, show the words below to Salesforce’s support, or to whoever looks after "
            "the network: a program between DataSync and Salesforce may change answers.",
        ),
        Action.CHECK,
    ),
    Problem.NOT_FOUND: Entry(
        "Not found in Salesforce",
        "Salesforce says that what was asked for doesn’t exist.",
        ("Read Salesforce’s own words below, then run again.",),
        Action.CHECK,
    ),
    Problem.NO_ACCESS: Entry(
        "No right to read this",
        "The Salesforce user who allowed access may not read what was asked for.",
        ("Ask the Salesforce administrator to give the user the right to read it (View All for the object).",),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(PERMISSION_SETS,),
    ),
    Problem.API_DISABLED_FOR_ORG: Entry(
        "Org has no API access",
        "The Salesforce org’s edition doesn’t include the API (Professional Edition needs an add-on).",
        (
            "Ask the Salesforce administrator about API access for the org.",
            "Then check again.",
        ),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(COMPANY,),
    ),
    Problem.API_DISABLED_FOR_USER: Entry(
        "User has no API access",
        "The Salesforce user who allowed access may not use the API.",
        (
            "Ask the Salesforce administrator to give the user the permission API Enabled (in the profile or a "
            "permission set). Then check again.",
            "Or authenticate again as a user who has it.",
        ),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(PERMISSION_SETS, USERS),
    ),
    Problem.DATA_API_CLOSED: Entry(
        "Data API closed",
        "Salesforce still knows who allowed access, but the org refuses every call to its data API, so nothing "
        "can be read.",
        (
            "Ask the Salesforce administrator whether the org’s API is switched on, whether the user has API "
            "Enabled, and whether an API access control or a firewall stands in front of the org.",
            "Then check again. DataSync also tries again every hour.",
        ),
        Action.CHECK,
        responsible=Responsible.SALESFORCE_ADMINISTRATOR,
        setup_pages=(PERMISSION_SETS, COMPANY),
    ),
}
