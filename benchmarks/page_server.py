"""A server of prepared answers: as much of an org as reading one large object needs, made before anything is measured.

Run as ``python -m benchmarks.page_server PORT ROWS CHANGED [--json] [--latency SECONDS] [--bandwidth MB/S]
[--prepare ROWS/S]``; it prints "ready". Latency and bandwidth are those of each request, rows per second those at which
the org prepares each job; 0: at once.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from urllib.parse import parse_qs, urlsplit

CSV_PAGE_ROWS = 20_000
JSON_PAGE_ROWS = 2_000
PAGES_PER_LIST = 5
PIECE_BYTES = 65_536
TOKEN = "benchmark-token"
VERSION = "62.0"

ORGANIZATION = {"Id": "00D000000000001EAA", "Name": "Benchmark", "IsSandbox": False,
                "OrganizationType": "Enterprise Edition", "InstanceName": "BEN1"}  # fmt: skip

FIELDS: dict[str, str] = {
    "Id": "id", "IsDeleted": "boolean", "Name": "string", "CreatedDate": "datetime", "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime", "AnnualRevenue": "currency", "NumberOfEmployees": "int", "Industry": "picklist",
    "Phone": "phone", "Website": "url", "BillingStreet": "textarea", "BillingCity": "string",
    "BillingPostalCode": "string", "BillingCountry": "string", "Score__c": "double", "Share__c": "percent",
    "Since__c": "date", "Active__c": "boolean", "Rank__c": "int", "Text1__c": "string", "Text2__c": "string",
    "Text3__c": "string", "Text4__c": "string", "Number1__c": "double", "Number2__c": "double", "Date1__c": "date",
    "Time1__c": "datetime", "Flag1__c": "boolean", "OwnerId": "reference",
}  # fmt: skip


def row(number: int) -> dict[str, object]:
    """A row as JSON has it."""
    day = f"20{number % 25:02}-{number % 12 + 1:02}-{number % 28 + 1:02}"
    stamp = f"{day}T{number % 24:02}:{number % 60:02}:00.000+0000"
    return {
        "Id": f"001{number:012}AAA", "IsDeleted": False, "Name": f"Account {number}", "CreatedDate": stamp,
        "LastModifiedDate": stamp, "SystemModstamp": stamp, "AnnualRevenue": number * 1.25,
        "NumberOfEmployees": number % 1000, "Industry": ("Energy", "Banking", "Media")[number % 3],
        "Phone": f"+49 30 {number}", "Website": f"https://example.com/{number}",
        "BillingStreet": f"Road {number}\nFloor 2", "BillingCity": "Berlin",
        "BillingPostalCode": f"{number % 99999:05}", "BillingCountry": "Germany",
        "Score__c": number / 7, "Share__c": number % 100 / 3, "Since__c": day, "Active__c": number % 2 == 0,
        "Rank__c": number % 50, "Text1__c": f"first {number}", "Text2__c": "second, with a comma", "Text3__c": None,
        "Text4__c": f'with "quotes" {number}', "Number1__c": number * 0.5, "Number2__c": None, "Date1__c": day,
        "Time1__c": stamp, "Flag1__c": True, "OwnerId": "005000000000001AAA",
    }  # fmt: skip


def _cell(value: object) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    # Bulk's CSV has Z where REST's JSON has +0000.
    text = str(value).replace('"', '""').replace(".000+0000", ".000Z")
    return f'"{text}"'


def csv_pages(rows: int) -> Iterator[tuple[bytes, int]]:
    """Yield pages of a bulk result, compressed, with their numbers of rows."""
    header = ",".join(f'"{name}"' for name in FIELDS)
    for start in range(0, rows, CSV_PAGE_ROWS):
        numbers = range(start, min(start + CSV_PAGE_ROWS, rows))
        lines = [header, *(",".join(_cell(value) for value in row(number).values()) for number in numbers)]
        yield gzip.compress(("\n".join(lines) + "\n").encode(), 1), len(numbers)


def json_pages(rows: int, name: str) -> Iterator[bytes]:
    """Yield pages of a REST query, compressed."""
    for start in range(0, max(rows, 1), JSON_PAGE_ROWS):
        end = min(start + JSON_PAGE_ROWS, rows)
        body: dict[str, object] = {"totalSize": rows, "done": end >= rows}
        if end < rows:
            body["nextRecordsUrl"] = f"/services/data/v{VERSION}/query/{name}-{end}"
        attributes = {"type": "Account", "url": "/services/data/Account"}
        body["records"] = [{"attributes": attributes, **row(number)} for number in range(start, end)]
        yield gzip.compress(json.dumps(body).encode(), 1)


class Prepared:
    """Everything that is served."""

    def __init__(self, rows: int, changed: int, *, with_json: bool) -> None:
        self.rows, self.changed, self.calls = rows, changed, 0
        self.csv = {"all": list(csv_pages(rows)), "changed": list(csv_pages(changed))}
        # A first page is always asked for: it tells how many rows there are.
        self.json = {"all": list(islice(json_pages(rows, "all"), None if with_json else 1))}
        self.json["changed"] = list(json_pages(changed, "changed"))
        described = [{"name": name, "label": name, "type": kind, "calculated": False} for name, kind in FIELDS.items()]
        self.description = {"name": "Account", "label": "Account", "custom": False, "fields": described}


def number_of(row_id: str) -> int:
    """The number of the row that has an Id."""
    return int(row_id[3:15])


class Handler(BaseHTTPRequestHandler):
    """Answers from memory."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: sent apart, each answer waits for the client to acknowledge the first, 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    prepared: Prepared
    latency, bandwidth, prepare = 0.0, 0.0, 0.0
    # When each job was made that selects a range of Ids, and when all others were.
    made: dict[str, float] = {}  # noqa: RUF012 (one server for each process)

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def _send(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        time.sleep(self.latency)
        self.send_response(200)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Sforce-Limit-Info", "api-usage=10/1000000")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self.bandwidth:
            self.wfile.write(body)
            return
        begun = time.perf_counter()
        for start in range(0, len(body), PIECE_BYTES):
            self.wfile.write(body[start : start + PIECE_BYTES])
            self.wfile.flush()
            due = begun + min(start + PIECE_BYTES, len(body)) / self.bandwidth
            time.sleep(max(due - time.perf_counter(), 0))

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode())

    def do_POST(self) -> None:
        """Tokens, jobs, several describes at once."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.prepared.calls += 1
        if self.path.endswith("/jobs/query"):
            self._json({"id": self._made(body.decode()), "state": "UploadComplete"})
        else:
            self._json({"access_token": TOKEN, "instance_url": f"http://{self.headers['Host']}", "scope": "api"})

    def _made(self, order: str) -> str:
        """Make a job; return its id."""
        start, end = re.search(r"Id >= '(\w+)'", order), re.search(r"Id < '(\w+)'", order)
        job = "changed" if "WHERE" in order else "all"
        if start or end:
            first = number_of(start[1]) // CSV_PAGE_ROWS if start else 0
            last = number_of(end[1]) // CSV_PAGE_ROWS if end else len(self.prepared.csv["all"])
            job = f"pages{first}to{last}"
            self.prepared.csv[job] = self.prepared.csv["all"][first:last]
        self.made[job] = time.monotonic()
        return job

    def _ids(self, start: int) -> None:
        """Answer a query in the order of Ids from a row on, with the one that begins a page of a job's result."""
        first, rows = start // CSV_PAGE_ROWS * CSV_PAGE_ROWS, self.prepared.rows
        self._json({
            "totalSize": rows, "done": False, "records": [{"Id": row(first)["Id"]}],
            "nextRecordsUrl": f"/services/data/v{VERSION}/query/ids-{start + JSON_PAGE_ROWS}",
        })  # fmt: skip

    def do_DELETE(self) -> None:
        """Jobs that are done."""
        self.prepared.calls += 1
        self._json({})

    def do_GET(self) -> None:
        """Describes, counts, queries, results."""
        prepared, parts = self.prepared, urlsplit(self.path)
        if parts.path == "/calls":
            self._json(prepared.calls)
            return
        prepared.calls += 1
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/describe"):
            self._json(prepared.description)
        elif parts.path.endswith("/sobjects"):
            self._json({"sobjects": [{"name": "Account"}]})
        elif parts.path.endswith("/results"):
            number = int(query.get("locator", "0"))
            pages = prepared.csv[parts.path.split("/")[-2]]
            body, rows = pages[number]
            following = str(number + 1) if number + 1 < len(pages) else "null"
            self._send(body, {"Content-Type": "text/csv", "Content-Encoding": "gzip",
                              "Sforce-NumberOfRecords": str(rows), "Sforce-Locator": following})  # fmt: skip
        elif parts.path.endswith("/resultPages"):
            self._list(parts.path.split("/")[-2], int(query.get("locator", "0")))
        elif "/jobs/query/" in parts.path:
            job = parts.path.rsplit("/", 1)[-1]
            rows = sum(rows for _, rows in prepared.csv[job])
            took = time.monotonic() - self.made.get(job, 0.0)
            is_complete = not self.prepare or took * self.prepare >= rows
            self._json({"id": job, "state": "JobComplete" if is_complete else "InProgress",
                        "numberRecordsProcessed": rows})  # fmt: skip
        elif parts.path.endswith(("/query", "/queryAll", "/query/", "/queryAll/")):
            soql = query.get("q", "")
            if "FROM Organization" in soql:
                self._json({"totalSize": 1, "done": True, "records": [ORGANIZATION]})
            elif "ORDER BY Id" in soql:
                self._ids(0)
            elif "COUNT()" in soql:
                self._json({"totalSize": prepared.rows, "done": True, "records": []})
            else:
                self._send(prepared.json["changed" if "WHERE" in soql else "all"][0], {"Content-Encoding": "gzip"})
        elif "/query/" in parts.path:
            name, _, start = parts.path.rsplit("/", 1)[-1].partition("-")
            if name == "ids":
                self._ids(int(start))
                return
            self._send(prepared.json[name][int(start) // JSON_PAGE_ROWS], {"Content-Encoding": "gzip"})
        else:
            self._json([{"version": VERSION, "label": "", "url": ""}])

    def _list(self, job: str, first: int) -> None:
        """Tell where five pages lie."""
        end, base = first + PAGES_PER_LIST, f"/jobs/query/{job}"
        numbers = range(first, min(end, len(self.prepared.csv[job])))
        is_done = end >= len(self.prepared.csv[job])
        self._json({
            "resultChunks": [{"resultLink": f"{base}/results?locator={number}"} for number in numbers],
            "nextRecordsUrl": None if is_done else f"{base}/resultPages?locator={end}", "done": is_done,
        })  # fmt: skip


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_server")
    for name in ("port", "rows", "changed"):
        parser.add_argument(name, type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--bandwidth", type=float, default=0.0)
    parser.add_argument("--prepare", type=float, default=0.0)
    options = parser.parse_args()
    Handler.prepared = Prepared(options.rows, options.changed, with_json=options.json)
    Handler.latency, Handler.bandwidth = options.latency, options.bandwidth * 1e6
    Handler.prepare = options.prepare
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
