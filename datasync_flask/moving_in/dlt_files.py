"""dlt: the verified source salesforce in secrets.toml, config.toml and the script of a pipeline.

Written from the source's README and dlt's documentation ("Configuration", "Resource"). Scripts are read, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext

from datasync_flask.moving_in.found import Found, FoundConnection, FoundObject
from datasync_flask.moving_in.reading import Document, FileRefused, mapping, part, text_of
from datasync_flask.moving_in.salesforce_parts import (
    add_connection,
    object_called,
    put_domain,
    put_start,
)
from datasync_flask.salesforce_connections.models import AuthMethod

# All resources of the source, in its order.
_RESOURCES = (
    "sf_user", "user_role", "opportunity", "opportunity_line_item", "opportunity_contact_role", "account", "contact",
    "lead", "campaign", "campaign_member", "product_2", "pricebook_2", "pricebook_entry", "task", "event",
)  # fmt: skip
# Those that it loads completely each time.
_WHOLE = frozenset(
    {"sf_user", "user_role", "contact", "lead", "campaign", "product_2", "pricebook_2", "pricebook_entry"}
)
_KNOWN = frozenset(
    {"user_name", "password", "security_token", "consumer_key", "consumer_secret", "privatekey", "privatekey_file",
     "session_id", "instance", "instance_url", "domain"}
)  # fmt: skip
_SCRIPT = re.compile(r"^\s*(?:import|from)\s+(?:dlt|salesforce)\b", re.MULTILINE)


class Settings:
    """The settings in TOML."""

    title = "dlt: secrets.toml, config.toml"

    def detect(self, document: Document) -> bool:
        """True when there is a section about the source."""
        return bool(_of_source(document.data)) or isinstance(part(document.data, "sources"), Mapping)

    def parse(self, document: Document) -> Found:
        """The connection. Raises FileRefused."""
        values = _of_source(document.data)
        if not values:
            raise FileRefused(gettext("This file has no part [sources.salesforce]."))
        found = Found()
        credentials = mapping(values.get("credentials"))
        connection = FoundConnection(gettext("Salesforce (%(tool)s)", tool="dlt"))
        found.subject = connection.description
        if "privatekey" in credentials or "privatekey_file" in credentials:
            connection.auth_method = AuthMethod.JWT_BEARER
        elif "consumer_secret" in credentials and "user_name" not in credentials:
            connection.auth_method = AuthMethod.CLIENT_CREDENTIALS
        for place in (values.get("domain"), credentials.get("domain"), credentials.get("instance_url"),
                      credentials.get("instance")):  # fmt: skip
            put_domain(found, connection, text_of(place))
        others = [name for name in credentials if name not in _KNOWN]
        others += [name for name in values if name not in {"credentials", "domain"}]
        add_connection(found, connection, credentials, client_id="consumer_key", username="user_name", others=others)
        found.left(
            gettext("Objects"),
            gettext("dlt’s settings don’t say which objects are read. Import the pipeline’s script, or choose them."),
        )
        return found


def _of_source(data: Any) -> Mapping[Any, Any]:
    """The section about the source, wherever dlt would find it."""
    sources = mapping(part(data, "sources"))
    places = [part(data, "salesforce"), *sources.values(), *(part(each, "salesforce") for each in sources.values())]
    named = [sources.get("salesforce"), part(sources, "salesforce", "salesforce"), *places]
    for each in named:
        settings = mapping(each)
        is_one = each is sources.get("salesforce") or mapping(settings.get("credentials")).keys() & {
            "security_token", "consumer_key", "organization_id", "user_name",
        }  # fmt: skip
        if is_one and settings.keys() & {"credentials", "domain", "version", "client_id", "proxies"}:
            return settings
    return {}


class Script:
    """The script of a pipeline."""

    title = "dlt: salesforce_pipeline.py"

    def detect(self, document: Document) -> bool:
        """True for Python that imports dlt or the source."""
        return document.suffix == ".py" or (document.suffix in {"", ".txt"} and bool(_SCRIPT.search(document.text)))

    def parse(self, document: Document) -> Found:
        """The resources that the script names, or all of the source. Raises FileRefused."""
        try:
            tree = ast.parse(document.text)
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        except SyntaxError as error:
            raise FileRefused(gettext("This isn’t Python: line %(line)s.", line=error.lineno or 1)) from None
        except (ValueError, RecursionError, MemoryError):
            raise FileRefused(gettext("This isn’t Python.")) from None
        if not any(_name_of(call.func) == "salesforce_source" for call in calls):
            raise FileRefused(gettext("This script doesn’t call salesforce_source."))
        found, description = Found(), gettext("Salesforce (%(tool)s)", tool="dlt")
        found.subject = description
        chosen = [name for call in calls if _name_of(call.func) == "with_resources" for name in _texts(call.args)]
        unknown = [name for name in chosen if name not in _RESOURCES]
        if unknown:
            found.left(gettext("Objects"), gettext("dlt’s source has no resources with these names: %(names)s.",
                                            names=", ".join(unknown)[:500]))  # fmt: skip
        objects = [_object(name) for name in chosen or _RESOURCES if name in _RESOURCES]
        for name, start in _starts(calls):
            put_start(found, [each for each in objects if each.name == object_called(name)], start)
        found.add_extraction(description, objects, None)
        return found


def _object(resource: str) -> FoundObject:
    name = object_called(resource)
    # The only resource that dlt's source tracks by another date.
    return FoundObject(name, resource in _WHOLE, cursor_field="LastModifiedDate" if name == "Account" else "")


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _texts(nodes: list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _starts(calls: list[ast.Call]) -> Iterator[tuple[str, str]]:
    """Yield `initial_value` of `source.account.apply_hints(incremental=dlt.sources.incremental(…))` per resource."""
    for call in calls:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "apply_hints"):
            continue
        for keyword in call.keywords:
            if isinstance(keyword.value, ast.Call):
                for inner in keyword.value.keywords:
                    if inner.arg == "initial_value" and (texts := _texts([inner.value])):
                        yield _name_of(call.func.value), texts[0]
