"""The practice org with rows in it, asked as a client of Salesforce asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.practice import PracticeOrg


class Client:
    """What tests ask of the REST API."""

    def __init__(self, practice: PracticeOrg, scopes: tuple[str, ...] = ("api", "id")) -> None:
        self.practice = practice
        self.app = practice.register(
            "http://localhost/callback", scopes=list(scopes), client_credentials=True, run_as="ada@practice.example"
        )
        self.token = self.sign_in()
        self.http = httpx2.Client(
            base_url=f"{practice.origin}/services/data/v66.0",
            headers={"Authorization": f"Bearer {self.token['access_token']}"},
            timeout=30,
        )

    def sign_in(self) -> dict[str, Any]:
        form = {"grant_type": "client_credentials"}
        answer = self.practice.http.post(
            "/services/oauth2/token", data=form, auth=(self.app["client_id"], self.app["client_secret"])
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def do(self, name: str, what: str, **order: Any) -> list[str]:
        answer = self.practice.http.post("/practice/data", json={"object": name, "do": what, **order}, timeout=30)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["ids"])

    def get(self, path: str, **params: str) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def query(self, soql: str) -> dict[str, Any]:
        return dict(self.get("/query", q=soql))

    def values(self, soql: str) -> list[Any]:
        """The first field of each record."""
        return [list(record.values())[1] for record in self.query(soql)["records"]]

    def refusal(self, path: str, **params: str) -> tuple[int, str, str]:
        answer = self.http.get(path, params=params)
        (only,) = answer.json()
        return answer.status_code, only["errorCode"], only["message"]


@pytest.fixture
def client(practice: PracticeOrg) -> Iterator[Client]:
    client = Client(practice)
    yield client
    client.http.close()
