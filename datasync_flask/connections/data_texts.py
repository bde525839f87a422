"""The problems of calls to the data API, in plain words."""

from __future__ import annotations

from datasync_flask.connections.problem_help import APP_POLICIES, Action, ProblemText
from datasync_flask.salesforce.errors import Problem

DATA_TEXTS: dict[Problem, ProblemText] = {
    Problem.SESSION_REFUSED: ProblemText(
        "Salesforce refuses its own token",
        "Salesforce gives DataSync an access token and then refuses it. The access itself wasn't revoked: a session "
        "policy, a lock of sessions to an IP address or a policy for API access stands in the way.",
        (
            f"Ask the Salesforce administrator to {APP_POLICIES} and to check its session policies and IP Relaxation.",
            "They also check Setup, Session Settings (Lock sessions to the IP address from which they originated), and "
            "whether API Access Control allows this app.",
            "Then check again.",
        ),
        Action.CHECK,
    ),
    Problem.TOO_MANY_REQUESTS: ProblemText(
        "Too many requests at once",
        "Salesforce takes no more requests for the moment: the org has too many long ones running side by side.",
        ("Try again in some minutes. Look for other programs that read from the same org.",),
        Action.CHECK,
    ),
    Problem.BULK_LIMIT_REACHED: ProblemText(
        "Day's bulk jobs are used up",
        "The org has used all its Bulk API query jobs, or the space for their results, of the last 24 hours.",
        (
            "DataSync reads by REST instead where it can. For an object with very many fields, choose fewer fields, or "
            "run again when the limit is free.",
        ),
        Action.CHECK,
    ),
    Problem.NOT_IN_BULK: ProblemText(
        "Not offered by the Bulk API",
        "Salesforce doesn't offer this object or field by the Bulk API.",
        ("DataSync reads by REST instead where it can. For an object with very many fields, choose fewer fields.",),
        Action.CHECK,
    ),
    Problem.EXTERNAL_SOURCE: ProblemText(
        "External data source doesn't answer",
        "The object's rows are in another system, which Salesforce asks for them. It refused or didn't answer.",
        ("Read Salesforce's own words below and show them to whoever looks after that system. Then run again.",),
        Action.CHECK,
    ),
    Problem.OBJECT_GONE: ProblemText(
        "Object not visible",
        "Salesforce says that there is no such object, or the user who allowed access may not see it.",
        (
            "Ask the Salesforce administrator whether the object exists, and to give the user the right to read it.",
            "Or take the object out of the extraction.",
        ),
        Action.CHECK,
    ),
    Problem.NOT_DESCRIBED: ProblemText(
        "Answer about something else",
        "Salesforce was asked for the fields of this object, and the answer is about something else. Nothing of it was "
        "loaded or changed.",
        (
            "Run again. If the same comes back, show the words below to whoever looks after the network or the org: a "
            "program between DataSync and Salesforce may change answers.",
        ),
        Action.CHECK,
    ),
    Problem.FIELD_GONE: ProblemText(
        "Field not visible",
        "Salesforce says that a field doesn't exist any more, or the user who allowed access may not see it.",
        (
            "Run again: the fields are read anew before each run.",
            "If it happens again, take the field out, or ask the Salesforce administrator for the right to read it.",
        ),
        Action.CHECK,
    ),
    Problem.QUERY_REFUSED: ProblemText(
        "Query refused",
        "Salesforce doesn't accept the query for this object, because of its filter or because the object needs one.",
        ("Read Salesforce's own words below and change the object's filter.",),
        Action.CHECK,
    ),
    Problem.QUERY_TIMED_OUT: ProblemText(
        "Query took too long in Salesforce",
        "Salesforce gave the query up because it ran for too long.",
        ("Run again at a quieter time, or filter the object by a field that is indexed.",),
        Action.CHECK,
    ),
    Problem.LOCATOR_GONE: ProblemText(
        "Place in the result was lost",
        "Salesforce keeps the place in a long result for some time only, and for a few queries at once.",
        ("Run again: reading begins anew, and nothing is lost or doubled.",),
        Action.CHECK,
    ),
    Problem.PAGES_REPEAT: ProblemText(
        "Result without an end",
        "Salesforce gives long results in pages. One of them led back to a page that was read already, so reading "
        "would never have ended. The table is as it was before.",
        (
            "Run again. If it happens again, show the words below to Salesforce's support, or to whoever looks after "
            "the network: a program between DataSync and Salesforce may change answers.",
        ),
        Action.CHECK,
    ),
    Problem.NOT_FOUND: ProblemText(
        "Not found in Salesforce",
        "Salesforce says that what was asked for doesn't exist.",
        ("Read Salesforce's own words below, then run again.",),
        Action.CHECK,
    ),
    Problem.NO_ACCESS: ProblemText(
        "No right to read this",
        "The Salesforce user who allowed access may not read what was asked for.",
        ("Ask the Salesforce administrator to give the user the right to read it (View All for the object).",),
        Action.CHECK,
    ),
}
