"""What can be wrong with a run itself, rather than with Salesforce or the destination."""

from __future__ import annotations

import enum

from datasync_flask.problems.trouble import Entry, Responsible


class RunProblem(enum.StrEnum):
    """Why a run stopped, or why one of its objects wasn't loaded."""

    QUOTA = "quota"
    FAULT = "fault"
    NO_PROGRESS = "no_progress"
    TABLE_TAKEN = "table_taken"
    TABLE_GIVEN_BACK = "table_given_back"
    LOADED_FROM_OTHER_ORG = "loaded_from_other_org"
    GAVE_UP = "gave_up"
    SERVER_DISK_FULL = "server_disk_full"


RUN: dict[RunProblem, Entry] = {
    RunProblem.QUOTA: Entry(
        "API calls used up",
        "The org has used the share of its daily API calls at which this extraction pauses.",
        ("The run checks again every 15 minutes and continues by itself.",),
    ),
    RunProblem.FAULT: Entry(
        "Unknown error",
        "DataSync ran into an unexpected error. The tables are unchanged.",
        ("Send the technical log to whoever runs DataSync.",),
        responsible=Responsible.OPERATOR,
    ),
    RunProblem.NO_PROGRESS: Entry(
        "No progress",
        "No more data arrived, so DataSync stopped this attempt.",
        (
            "A paused run continues by itself from where it stopped, after longer and longer pauses. If it fails in "
            "the end, check the server’s network and Salesforce’s status page, then run again: nothing is lost.",
        ),
        responsible=Responsible.OPERATOR,
    ),
    RunProblem.TABLE_TAKEN: Entry(
        "Table in use",
        "Another extraction already loads this table, so nothing was written.",
        (
            "Choose another schema, prefix or folder for one of the two, or remove the object from one of them, "
            "then run again. The other extraction:",
        ),
    ),
    RunProblem.TABLE_GIVEN_BACK: Entry(
        "Extraction was changed",
        "The extraction or its destination was changed during the run, so this table no longer belongs to it. "
        "The rows that the run read don’t count as loaded.",
        ("Run again.",),
    ),
    RunProblem.LOADED_FROM_OTHER_ORG: Entry(
        "Tables hold another org’s rows",
        "The tables hold rows of a different org from the one that this connection opens now, so nothing was written.",
        ("Choose on the extraction’s page: load everything again, use another schema, prefix or folder, or go back.",),
    ),
    RunProblem.GAVE_UP: Entry(
        "Run ended too often",
        "The run’s process ended unexpectedly several times.",
        ("Ask whoever runs DataSync to check the server’s log, then run again: nothing is lost.",),
        responsible=Responsible.OPERATOR,
    ),
    RunProblem.SERVER_DISK_FULL: Entry(
        "DataSync’s disk is full",
        "There is no room left on the server where DataSync keeps what a run has read until it is written.",
        ("Make room on that server, then run again: nothing is lost.",),
        responsible=Responsible.OPERATOR,
    ),
}
