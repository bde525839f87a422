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
    assert "No connections match" in walk.visitor.text


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
    assert "No connections match · Connected" in walk.visitor.text


def test_grouped_and_filtered_by_label_and_kind(walk: ConnectionWalk) -> None:
    for name, message in (("A", "sales, emea"), ("B", "Sales"), ("C", ""), ("D", "EMEA")):
        walk.save(description=name, client_id="", label_names=message)

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


def test_tabs_count_what_the_search_finds(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.allow("deny")
    walk.work()
    walk.save(description="Draft", client_id="")
    walk.visitor.post("/connections/new/duckdb", {"description": "Warehouse", "path": "w.duckdb"})

    def tabs(path: str) -> list[str]:
        walk.visitor.get(path)
        links = walk.visitor.page.xpath("//nav[@class='tabs']/a")
        return [" ".join(link.text_content().split()) + "*" * (link.get("aria-current") == "page") for link in links]

    assert tabs("/connections") == ["All 3*", "Salesforce 2", "Destinations 1", "Needs attention 1"]
    assert tabs("/connections?q=w")[2:] == ["Destinations 1", "Needs attention 0"]
    for path, names in (
        ("/connections?kind=salesforce", ["Draft", "Sales EMEA"]),
        ("/connections?kind=destinations", ["Warehouse"]),
        ("/connections?state=needs_attention", ["Sales EMEA"]),
    ):
        assert "*" in "".join(tabs(path))
        assert [name.text for name in walk.visitor.page.xpath("//a[@class='name']")] == names
    links = walk.visitor.page.xpath("//nav[@class='tabs']/a/@href")
    assert links[2] == "/connections?kind=destinations"


def test_a_row_has_a_menu_with_everything_else(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    walk.visitor.get("/connections")
    menu = walk.visitor.page.xpath("//details[summary/@aria-label='More actions for Sales EMEA']")[0]
    assert [" ".join(each.text_content().split()) for each in menu.xpath(".//a | .//button")] == [
        "Edit connection",
        "Duplicate",
        "Delete…",
    ]


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
                connection = SalesforceConnection(state="draft", propagation_number=0)
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
