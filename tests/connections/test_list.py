"""The Connections page: rows, search, filter, sorting, pages."""

from __future__ import annotations

from tests.support.connection import ConnectionWalk


def test_the_list(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.save(description="Draft one", client_id="")
    walk.visitor.get("/connections")
    pencil = walk.visitor.page.xpath("//a[@aria-label='Edit Sales EMEA']")
    assert len(pencil) == 1
    assert pencil[0].get("href").endswith("/edit")
    assert "Connected" in walk.visitor.text
    assert "Resume" in walk.visitor.text
    walk.visitor.get("/connections?q=SALES")
    assert "Draft one" not in walk.visitor.text
    walk.visitor.get("/connections?q=%25_nothing")
    assert "No connection matches" in walk.visitor.text


def test_filter_and_sorting_are_kept_in_the_address(walk: ConnectionWalk) -> None:
    for name in ("Beta", "alpha", "Gamma"):
        walk.save(description=name, client_id="")
    walk.make_app(propagation_seconds=600)
    walk.save(description="Delta")

    def names(path: str) -> list[str]:
        walk.visitor.get(path)
        return [name.text for name in walk.visitor.page.xpath("//a[@class='name']")]

    assert names("/connections") == ["alpha", "Beta", "Delta", "Gamma"]
    assert names("/connections?sort=-description") == ["Gamma", "Delta", "Beta", "alpha"]
    assert names("/connections?state=draft&q=a&sort=-description") == ["Gamma", "Beta", "alpha"]
    links = walk.visitor.page.xpath("//th/a/@href")
    assert "/connections?q=a&state=draft" in links
    assert walk.visitor.page.xpath("//th[@aria-sort='descending']/a")[0].text == "Description"
    assert names("/connections?state=waiting_for_propagation") == ["Delta"]
    assert names("/connections?state=odd&sort=password&page=-1") == ["alpha", "Beta", "Delta", "Gamma"]
    assert names("/connections?state=connected") == []
    assert "No connection matches: Connected" in walk.visitor.text


def test_grouped_and_filtered_by_label_and_kind(walk: ConnectionWalk) -> None:
    for name, words in (("A", "sales, emea"), ("B", "Sales"), ("C", ""), ("D", "EMEA")):
        walk.save(description=name, client_id="", label_names=words)

    def groups(path: str) -> list[tuple[str, list[str]]]:
        walk.visitor.get(path)
        bodies = walk.visitor.page.xpath("//table//tbody")
        return [
            (body.xpath("string(.//tr[@class='group'])").strip(), [n.text for n in body.xpath(".//a[@class='name']")])
            for body in bodies
        ]

    assert groups("/connections?group=label") == [("emea", ["A", "D"]), ("sales", ["B"]), ("Without label", ["C"])]
    assert groups("/connections?label=SALES") == [("", ["A", "B"])]
    assert groups("/connections?kind=salesforce&group=kind") == [("Salesforce", ["A", "B", "C", "D"])]
    assert groups("/connections?kind=odd&group=odd&label=") == [("", ["A", "B", "C", "D"])]
    assert groups("/connections?group=state&sort=-description") == [("Draft", ["D", "C", "B", "A"])]
    links = walk.visitor.page.xpath("//th/a/@href")
    assert "/connections?group=state" in links
    assert groups("/connections?label=gone") == []
    assert "Label “gone”" in walk.visitor.text


def test_at_a_glance_what_needs_attention(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.allow("deny")
    walk.work()
    walk.save(description="Ready")
    walk.work()
    walk.visitor.get("/connections")
    glance = walk.visitor.page.get_element_by_id("glance")
    links = [" ".join(link.text_content().split()) for link in glance.xpath(".//a")]
    assert links == [
        "Sales EMEA: Access was denied",
        "What to do: Sales EMEA",
        "Ready: Ready to authenticate",
        "Go on: Ready",
    ]
    # At rest it carries no trigger.
    assert glance.get("hx-trigger") is None
    assert walk.visitor.get(glance.xpath(".//a/@href")[1]).status_code == 200
    assert walk.visitor.status.get("data-reason") == "denied"


def test_the_glance_counts_what_it_does_not_show_and_moves_while_something_waits(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    for number in range(7):
        walk.save(description=f"Waiting {number}")
    walk.visitor.get("/connections")
    glance = walk.visitor.page.get_element_by_id("glance")
    assert len(glance.xpath(".//time")) == 5
    assert "All 7: Waiting for propagation" in glance.text_content()
    assert glance.get("hx-trigger") == "every 5s"
    tag = glance.get("hx-ptag")
    assert walk.visitor.get("/connections/glance", headers={"HX-PTag": tag}).status_code == 304
    walk.work()
    assert walk.visitor.get("/connections/glance", headers={"HX-PTag": tag}).status_code == 200
    assert not walk.visitor.response.headers.get("Set-Cookie")


def test_a_moving_row_polls_and_a_resting_one_does_not(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    walk.visitor.get(f"/connections/{walk.id}/row")
    assert walk.visitor.page.get("hx-trigger") == "every 3s"
    tag = walk.visitor.response.headers["HX-PTag"]
    assert walk.visitor.get(f"/connections/{walk.id}/row", headers={"HX-PTag": tag}).status_code == 304
    walk.visitor.get(f"/connections/{walk.id}/row?edit=description")
    assert walk.visitor.page.get("hx-trigger") is None
    walk.practice.change(walk.client_id, known_now=True)
    walk.work()
    assert walk.visitor.get(f"/connections/{walk.id}/row", headers={"HX-PTag": tag}).status_code == 200
    assert walk.visitor.page.get("hx-trigger") is None


def test_the_list_is_paged_with_the_same_number_of_queries(walk: ConnectionWalk) -> None:
    from sqlalchemy import event

    from datasync_flask.extensions import db
    from datasync_flask.salesforce_connections.models import SalesforceConnection

    counts = []
    with walk.app.app_context():
        engine = db.engine
    for total in (1, 120):
        with walk.app.app_context():
            for number in range(total):
                connection = SalesforceConnection(state="draft", watch=0)
                connection.rename(f"{total} {number:03}")
                db.session.add(connection)
            db.session.commit()
        statements: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *args, kept=statements: kept.append(args[2]))
        walk.visitor.get("/connections")
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert "Page 1 of 3" in walk.visitor.text
    walk.visitor.get("/connections?page=3")
    assert "Page 3 of 3" in walk.visitor.text
    walk.visitor.get("/connections?page=99999999999999999999")
    assert walk.visitor.response.status_code == 200
