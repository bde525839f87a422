"""Airbyte's resources for Terraform: airbyte_source_salesforce and airbyte_connection, in HCL or Terraform's JSON.

Written from the documentation of the provider airbytehq/airbyte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext

from datasync_flask.moving_in import hcl
from datasync_flask.moving_in.airbyte import found_in
from datasync_flask.moving_in.found import Found
from datasync_flask.moving_in.reading import Document, FileRefused, mapping, part, text_of

_RESOURCE = re.compile(r"""^\s*resource\s+"?airbyte_\w+""", re.MULTILINE)
_SOURCES = frozenset({"airbyte_source_salesforce", "airbyte_source", "airbyte_source_custom"})


class Terraform:
    """Resources of Airbyte's provider."""

    title = "Airbyte: Terraform"

    def detect(self, document: Document) -> bool:
        """True for files with one of the provider's resources."""
        if document.suffix == ".tf" or _RESOURCE.search(document.text):
            return True
        return any(str(name).startswith("airbyte_") for name in mapping(part(document.data, "resource")))

    def parse(self, document: Document) -> Found:
        """What sources and connections give. Raises FileRefused."""
        entries = list(_entries(_resources(document)))
        if not entries:
            raise FileRefused(gettext("This file has no resource airbyte_source_salesforce or airbyte_connection."))
        return found_in(entries)


def _resources(document: Document) -> Iterator[tuple[str, str, Mapping[Any, Any]]]:
    """Yield kind, name and settings of each resource."""
    if document.suffix == ".tf" or _RESOURCE.search(document.text):
        for block in hcl.blocks(document.text):
            if block.kind == "resource" and len(block.labels) == 2:
                yield block.labels[0], block.labels[1], block.values
        return
    for kind, by_name in mapping(part(document.data, "resource")).items():
        for name, values in mapping(by_name).items():
            yield text_of(kind), text_of(name), mapping(values)


def _entries(resources: Iterator[tuple[str, str, Mapping[Any, Any]]]) -> Iterator[Mapping[Any, Any]]:
    """Yield the resources in the form of Airbyte's API, linked by their names in Terraform."""
    for kind, name, values in resources:
        if kind in _SOURCES:
            configuration = values.get("configuration")
            if isinstance(configuration, str):
                configuration = _from_json(configuration)
            source_type = "salesforce" if kind == "airbyte_source_salesforce" else ""
            yield {
                **values, "configuration": configuration, "source_id": name, "source_type": source_type,
                "name": text_of(values.get("name")) or name,
            }  # fmt: skip
        elif kind == "airbyte_connection":
            # airbyte_source_salesforce.sales.source_id
            steps = re.findall(r"[\w-]+", text_of(values.get("source_id")))
            source = steps[1] if len(steps) > 2 else ""
            yield {**values, "source_id": source, "name": text_of(values.get("name")) or name}


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}
