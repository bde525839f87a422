"""The peers, reading the same pages: dlt with simple-salesforce, and Singer's tap with a target."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.page_server import TOKEN, VERSION

VENVS = Path(sys.prefix).parent / ".peers"
# Earlier than any row, for a query that has a WHERE as queries for changes do.
SINCE = "2000-01-01T00:00:00Z"


def dlt_simple_salesforce(origin: str, kind: str, target: str, folder: str, what: str) -> None:
    """Read with simple-salesforce and load with dlt, as dlt's verified source does; `what` is all or changed."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    import dlt
    import requests
    from simple_salesforce import Salesforce

    class Plain(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            request.url = request.url.replace("https://", "http://", 1)
            return super().send(request, *arguments, **options)

    session = requests.Session()
    session.mount("https://", Plain())
    org = Salesforce(instance_url=origin, session_id=TOKEN, version=VERSION, session=session)
    where = f" WHERE SystemModstamp > {SINCE}" if what == "changed" else ""

    def account() -> Iterator[dict[str, Any]]:
        names = [field["name"] for field in org.Account.describe()["fields"]]
        for record in org.query_all_iter(f"SELECT {', '.join(names)} FROM Account{where}"):
            record.pop("attributes", None)
            yield record

    made = dlt.destinations.duckdb if kind == "duckdb" else dlt.destinations.postgres
    pipeline = dlt.pipeline("peer", destination=made(target), dataset_name="peer", pipelines_dir=folder)
    disposition = "merge" if what == "changed" else "replace"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.run(dlt.resource(account, name="account", primary_key="Id", write_disposition=disposition))


def singer(origin: str, target: str, folder: str, what: str) -> None:
    """Read with tap-salesforce (REST) into target-postgres (by COPY); `what` is all or changed."""
    place = Path(folder)
    url = urlsplit(target)
    tap_settings, target_settings, catalog = place / "tap.json", place / "target.json", place / "catalog.json"
    tap_settings.write_text(
        json.dumps({"refresh_token": "x", "client_id": "x", "client_secret": "x", "start_date": SINCE,
                    "api_type": "REST", "select_fields_by_default": True})
    )  # fmt: skip
    target_settings.write_text(
        json.dumps({"host": url.hostname, "port": url.port, "user": url.username, "password": url.password or "none",
                    "database": url.path.strip("/"), "default_target_schema": "singer", "use_copy": True})
    )  # fmt: skip
    tap = [str(VENVS / "tap/bin/python"), str(Path(__file__).with_name("singer_tap.py")), origin, "--config",
           str(tap_settings)]  # fmt: skip
    found = json.loads(subprocess.run([*tap, "--discover"], check=True, capture_output=True).stdout)
    for entry in found["streams"][0]["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"] |= {"selected": True}
            if what == "changed":
                entry["metadata"] |= {"replication-method": "INCREMENTAL", "replication-key": "SystemModstamp"}
            else:
                entry["metadata"] |= {"replication-method": "FULL_TABLE"}
    catalog.write_text(json.dumps(found))
    with (place / "singer.log").open("wb") as log:
        reader = subprocess.Popen([*tap, "--properties", str(catalog)], stdout=subprocess.PIPE, stderr=log)
        writer = subprocess.Popen(
            [str(VENVS / "target/bin/target-postgres"), "--config", str(target_settings)],
            stdin=reader.stdout, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        assert reader.stdout is not None
        reader.stdout.close()
        if writer.wait() or reader.wait():
            raise RuntimeError((place / "singer.log").read_text()[-2000:])
