"""Help in the app: the documentation, what it says about some words, every error code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from datasync_flask.help.documents import ORDER, documents, search
from datasync_flask.salesforce.data_refusals import REFUSALS
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce.refusals import phrases_for
from tests.support.visitor import Visitor

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_page_of_the_documentation_is_in_the_app(visitor: Visitor) -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == set(ORDER)
    visitor.get("/help")
    for name in ORDER:
        assert visitor.page.xpath(f"//a[@href='/help/{name}']"), name
    for name in ORDER:
        assert visitor.get(f"/help/{name}").status_code == 200
        visitor.page.make_links_absolute("http://127.0.0.1:5000/help/")
        for link in visitor.page.xpath("//article//a/@href"):
            target = re.sub(r"^http://127.0.0.1:5000", "", link)
            if target.startswith("/"):
                assert visitor.client.get(target, base_url=visitor.address).status_code == 200, link


def test_help_begins_with_questions_whose_answers_are_there(visitor: Visitor) -> None:
    visitor.get("/help")
    headings = [heading.text_content() for heading in visitor.page.xpath("//main//h2")]
    assert headings[:2] == ["Asked most", "The guide"]
    assert headings[2:] == [
        "Get started", "Connect Salesforce", "Load data", "Fix a problem", "Run a server", "Reference",
    ]  # fmt: skip
    for address in visitor.page.xpath("//section[@aria-labelledby='questions']//a/@href"):
        path, _, anchor = address.partition("#")
        visitor.get(path)
        assert visitor.page.get_element_by_id(anchor) is not None


def test_no_page_of_that_name(visitor: Visitor) -> None:
    assert visitor.get("/help/../README").status_code in {308, 404}
    assert visitor.get("/help/nothing").status_code == 404


def test_search_finds_settings_and_leads_to_their_place(visitor: Visitor) -> None:
    visitor.get("/help?q=datasync_probe_interval")
    link = visitor.page.xpath("//ol//a/@href")[0]
    assert link == "/help/settings#change-the-settings"
    visitor.get(link)
    assert visitor.page.get_element_by_id("change-the-settings") is not None
    visitor.get("/help?q=<script>nothing</script>")
    assert "0 places for “<script>nothing</script>”" in visitor.text
    assert "Try fewer or different words" in visitor.text


def test_all_words_have_to_be_there() -> None:
    assert search("") == []
    assert search("tracking zebra") == []
    assert {section.document for section, _ in search("edit undo")} >= {"using"}
    # The pages have typographic apostrophes, keyboards the straight one.
    assert search("doesn't") == search("doesn’t") != []
    assert "'" not in documents()["security"].sections[0].text


def test_excerpts_hold_the_word_that_was_looked_for() -> None:
    for section, excerpt in search("propagation"):
        assert "propagation" in (excerpt + section.heading).lower()


def test_raw_html_of_a_page_is_shown_as_text() -> None:
    assert all("<script" not in document.html for document in documents().values())


def test_every_code_of_salesforce_is_listed_with_who_can_fix_it(visitor: Visitor) -> None:
    visitor.get("/help/errors")
    text = visitor.text
    for problem in Problem:
        for message in phrases_for(REFUSALS, problem):
            assert message in text
    assert text.count("Who can fix it") == len(Problem)
    assert "Setup, External Client App Manager" in text
    assert not visitor.page.xpath("//main//a[contains(@href, '/lightning/')]")
    assert visitor.get("/help/errors?connection=0123456789abcdef").status_code == 404


@pytest.mark.parametrize("address", ["/help/components", "/-/components"])
@pytest.mark.parametrize(("language", "words"), [("en", "Waiting for propagation"), ("de", "Wartet auf Salesforce")])
def test_all_components_are_on_one_page_in_both_languages(
    visitor: Visitor, address: str, language: str, words: str
) -> None:
    visitor.post("/language", {"language": language})
    assert visitor.get(address).status_code == 200
    assert visitor.page.get("lang") == language
    assert words in visitor.text
