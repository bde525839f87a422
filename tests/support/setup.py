"""The steps of setting up an extraction, as plain forms."""

from __future__ import annotations

from typing import Any

from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


class Setup:
    """The steps of one draft."""

    def __init__(self, walk: ConnectionWalk) -> None:
        self.walk, self.visitor = walk, walk.visitor
        self.visitor.get(f"/connections/{walk.id}")
        answer = self.visitor.post("/extractions/setup", {"source": walk.id})
        assert answer.status_code == 303
        self.id = answer.headers["Location"].split("/")[2]

    def at(self, step: str) -> str:
        return f"/extractions/{self.id}/setup/{step}"

    def open(self, step: str, query: str = "") -> Visitor:
        assert self.visitor.get(self.at(step) + query).status_code == 200, self.visitor.text
        return self.visitor

    def send(self, step: str, form: str, **changes: Any) -> Any:
        """Send a step's form as it stands on the page that is open, with changes; lists replace all values."""
        values: dict[str, Any] = {}
        for name, value in self.visitor.page.get_element_by_id(form).form_values():
            values.setdefault(name, []).append(value)
        return self.visitor.open(self.at(step), method="POST", data={**values, **changes})

    def send_objects(self, **changes: Any) -> Any:
        return self.send("objects", "objects-form", **changes)

    def send_destination(self, **changes: Any) -> Any:
        return self.send("destination", "destination-form", **changes)

    @property
    def chosen(self) -> list[str]:
        return [name.text_content() for name in self.visitor.page.xpath("//*[@id='basket']//li//b")]

    @property
    def shown(self) -> list[str]:
        return [name.text_content() for name in self.visitor.page.xpath("//label[@class='pick']/b")]

    @property
    def chips(self) -> dict[str, int]:
        found = self.visitor.page.xpath("//button[@class='chip']")
        return {chip.text.strip(): int(chip.xpath("string(small)").replace(",", "")) for chip in found}
