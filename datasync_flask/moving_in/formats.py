"""All formats that can be read, in the order of recognition."""

from __future__ import annotations

from flask_babel import gettext

from datasync_flask.moving_in.airbyte import Airbyte
from datasync_flask.moving_in.airbyte_terraform import Terraform
from datasync_flask.moving_in.dlt_files import Script, Settings
from datasync_flask.moving_in.found import Format, Found
from datasync_flask.moving_in.ingestr import CommandLine
from datasync_flask.moving_in.meltano import Project
from datasync_flask.moving_in.reading import Document, FileRefused
from datasync_flask.moving_in.singer import Catalogue, Config

# Formats recognised by their text come first: the others parse the text as data.
FORMATS: tuple[Format, ...] = (
    CommandLine(), Script(), Terraform(), Project(), Catalogue(), Config(), Airbyte(), Settings(),
)  # fmt: skip


def understand(document: Document) -> tuple[Format, Found]:
    """The kind of a file and its content. Raises FileRefused."""
    for each in FORMATS:
        if each.detect(document):
            return each, each.parse(document)
    if "datasync" in document.mapping:
        raise FileRefused(gettext("This is an export of DataSync: use the command datasync connection import."))
    raise FileRefused(
        gettext("This isn’t a file of tap-salesforce, Meltano, Airbyte, dlt or ingestr with a Salesforce source.")
    )
