"""Whatever compares a secret stops whoever guesses, however they type, wherever from, and whichever process they meet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from datasync_flask.accounts import service
from datasync_flask.accounts.guessing import network_of
from datasync_flask.accounts.models import FailedTries, UserSession
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from tests.conftest import EMAIL, PASSWORD
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor
from tests.support.worker import sweep

pytestmark = pytest.mark.each_on_both

# All of them are typed for one account.
SPELLINGS = [
    EMAIL, EMAIL.upper(), f" {EMAIL}", f"{EMAIL}\t", f"\x00{EMAIL}", f"{EMAIL}\x00", "ada\x00@example.com",
    "ada@exam\x01ple.com", f"{EMAIL}\x1f", f"{EMAIL}\x7f", f"{EMAIL}\u200b", f"\ufeff{EMAIL}", "ada\u00ad@example.com",
    f"{EMAIL}\u00a0", "ada@ｅｘａｍｐｌｅ.com", "Ada@EXAMPLE.COM\r\n", f"{EMAIL}\u2028", "a\u2060da@example.com",
]  # fmt: skip


def guess(app: Flask, email: str, password: str, *, start: Visitor | None = None, **headers: str) -> TestResponse:
    visitor = start or Visitor(app)
    visitor.get("/login")
    return visitor.post("/login", {"email": email, "password": password}, headers=headers)


def grow_old(app: Flask) -> None:
    with app.app_context():
        for session in db.session.query(UserSession):
            session.confirmed_at -= timedelta(hours=2)
        db.session.commit()


def test_however_an_address_is_typed(app: Flask, people: dict[str, int]) -> None:
    statuses = [guess(app, spelling, f"guess number {number}").status_code for number, spelling in enumerate(SPELLINGS)]
    assert statuses == [422] * 10 + [429] * (len(SPELLINGS) - 10)
    assert guess(app, EMAIL, PASSWORD).status_code == 429


def test_however_a_password_is_typed(app: Flask, people: dict[str, int]) -> None:
    typed = [*(f"guess{sign}{number}" for number, sign in enumerate("\x00\x01\t\u200b\x7f\ud7ff")), "\x00", "x" * 5000]
    statuses = [guess(app, EMAIL, password).status_code for password in [*typed, *typed]]
    assert statuses == [422] * 10 + [429] * 6


@pytest.mark.parametrize("sign", ["\x00", "\x01", "\x1f", "\x7f", "\u200b", "\ufeff"], ids=repr)
def test_what_cannot_be_seen_is_refused_where_it_means_nothing(app: Flask, visitor: Visitor, sign: str) -> None:
    for email in (f"ada{sign}@example.com", f"{EMAIL}{sign}", f"{sign}{EMAIL}"):
        stranger = Visitor(app)
        assert guess(app, email, PASSWORD, start=stranger).status_code == 422
        assert "can’t be seen" in stranger.error_at("email")
        visitor.get("/people")
        assert visitor.post("/people/invite", {"email": f"new{email}", "role": "viewer"}).status_code == 422
        assert "can’t be seen" in visitor.error_at("email")
        with app.app_context():
            with pytest.raises(service.AccountError, match="can’t be seen"):
                service.create_user(f"new{email}", PASSWORD, service.Role.VIEWER)
            # What was typed with it is still told by what it was meant for.
            found = service.find(email)
            assert found is not None
            assert found.email == EMAIL
    visitor.get("/account")
    new_password = {"present": PASSWORD, "password": f"another long{sign}password"}
    if sign < "\x80":
        assert visitor.post("/account/password", new_password).status_code == 422
        assert "control characters" in visitor.error_at("password")


def test_the_count_is_one_for_all_processes(app: Flask, make_app: Callable[..., Flask], people: dict[str, int]) -> None:
    processes = [app, make_app(), make_app()]
    statuses = [guess(processes[number % 3], EMAIL, f"guess {number}").status_code for number in range(14)]
    assert statuses == [422] * 10 + [429] * 4


def test_many_at_once_get_no_more_than_one_after_the_other(
    app: Flask, make_app: Callable[..., Flask], people: dict[str, int]
) -> None:
    processes = [app, make_app()]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: guess(processes[number % 2], EMAIL, f"guess {number}").status_code, range(24))
        assert sorted(answers) == [422] * 10 + [429] * 14


def test_a_success_gives_nobody_new_tries(app: Flask, people: dict[str, int]) -> None:
    attacker = Visitor(app)
    for number in range(9):
        assert guess(app, EMAIL, f"guess {number}", start=attacker).status_code == 422
    # Their own account's success, and the owner's on a browser that nobody knows yet.
    for email in ("viewer@example.com", EMAIL):
        assert guess(app, email, PASSWORD).status_code == 303
    assert guess(app, EMAIL, "guess 10").status_code == 422
    assert guess(app, EMAIL, "guess 11").status_code == 429


def test_the_owner_comes_in_on_a_browser_that_is_known(
    clock: time_machine.Traveller, app: Flask, people: dict[str, int]
) -> None:
    owner = Visitor(app)
    assert guess(app, EMAIL, PASSWORD, start=owner).status_code == 303
    session_before = owner.client.get_cookie("datasync_session", "127.0.0.1")
    owner.get("/connections")
    owner.post("/logout")
    for number in range(12):
        last = guess(app, EMAIL, f"guess {number}")
    assert last.status_code == 429
    assert guess(app, EMAIL, PASSWORD).status_code == 429
    assert guess(app, EMAIL, PASSWORD, start=owner).status_code == 303
    assert session_before is not None
    # Such a browser has tries of its own, no more, for that account only; a success there resets nobody else's.
    owner.get("/connections")
    owner.post("/logout")
    statuses = [guess(app, EMAIL, f"at home {number}", start=owner).status_code for number in range(11)]
    assert statuses == [422] * 10 + [429]
    assert guess(app, EMAIL, PASSWORD, start=owner).status_code == 429
    # Made up, or another one's: known for nothing.
    stranger = Visitor(app)
    stranger.client.set_cookie("datasync_known_browser", '["x","y"].forged', domain="127.0.0.1")
    assert guess(app, EMAIL, PASSWORD, start=stranger).status_code == 429
    clock.shift(301)
    assert guess(app, EMAIL, PASSWORD).status_code == 303


def test_what_whoever_waits_is_told(clock: time_machine.Traveller, app: Flask, people: dict[str, int]) -> None:
    visitor = Visitor(app)
    for number in range(10):
        guess(app, EMAIL, f"guess {number}", start=visitor)
        clock.shift(10)
    answer = guess(app, EMAIL, "one more", start=visitor)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "200"
    (sentence,) = [each.text_content() for each in visitor.page.xpath("//p") if "try again" in each.text_content()]
    (moment,) = visitor.page.xpath("//p[contains(., 'try again')]/time/@datetime")
    assert re.fullmatch(r"You can try again at .*\d UTC\.", sentence.strip()), sentence
    assert (datetime.fromisoformat(moment) - utcnow()).total_seconds() == pytest.approx(200, abs=2)
    clock.shift(199)
    assert guess(app, EMAIL, PASSWORD, start=visitor).status_code == 429
    clock.shift(2)
    assert guess(app, EMAIL, PASSWORD, start=visitor).status_code == 303


def test_a_network_is_stopped_whichever_accounts_it_tries(app: Flask, people: dict[str, int]) -> None:
    statuses = [guess(app, f"somebody{number}@example.com", "guess").status_code for number in range(62)]
    assert statuses == [422] * 60 + [429] * 2


@pytest.mark.parametrize(
    ("proxies", "header", "is_one"),
    [
        (0, "10.0.0.{n}", True),
        (1, "10.0.0.{n}", False),
        (1, "10.0.0.1:{n}", True),
        (1, "6.6.6.{n}, 10.0.0.1", True),
        (1, "2001:db8:1:2::{n}", True),
        (1, "[2001:db8:1:2::{n}]:{n}", True),
        (1, "2001:db8:1:{n}::1", False),
        (1, "::ffff:10.0.0.1", True),
    ],
)
@pytest.mark.slow
def test_networks(make_app: Callable[..., Flask], proxies: int, header: str, is_one: bool) -> None:
    app = make_app(trusted_proxies=proxies)
    statuses = [
        guess(
            app, f"somebody{n}@example.com", "guess", **{"X-Forwarded-For": header.replace("{n}", str(n))}
        ).status_code
        for n in range(1, 63)
    ]
    assert (429 in statuses) is is_one


def test_an_account_is_stopped_from_wherever_it_is_tried(make_app: Callable[..., Flask]) -> None:
    app = make_app(trusted_proxies=1)
    with app.app_context():
        service.create_user(EMAIL, PASSWORD, service.Role.ADMIN)
    statuses = [guess(app, EMAIL, "guess", **{"X-Forwarded-For": f"10.0.{n}.1"}).status_code for n in range(12)]
    assert statuses == [422] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("address", "network"),
    [("", "unknown"), ("nonsense", "unknown"), ("fe80::1%eth0", "fe80::/64"), ("10.0.0.1", "10.0.0.1")],
)
def test_odd_addresses(address: str, network: str) -> None:
    assert network_of(address) == network


def test_confirming_ones_password(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save(client_id="abc", client_secret="first-secret")
    grow_old(walk.app)
    visitor = walk.visitor
    ways = [
        lambda password: visitor.submit("connection-form", client_secret="other", your_password=password),
        lambda password: visitor.post("/account/password", {"present": password, "password": "another password"}),
        lambda password: visitor.post(
            f"/connections/{walk.id}/delete", {"description": "Sales EMEA", "your_password": password}
        ),
    ]
    statuses = []
    for number in range(12):
        visitor.get(f"/connections/{walk.id}/edit")
        # What is left empty is no try.
        assert visitor.submit("connection-form", client_secret="other").status_code == 422
        visitor.get(f"/connections/{walk.id}/edit")
        statuses.append(ways[number % 3](f"guess \x00 {number}").status_code)
    assert statuses == [422] * 10 + [429] * 2
    visitor.get(f"/connections/{walk.id}/edit")
    right = visitor.submit("connection-form", client_secret="other", your_password=PASSWORD)
    assert right.status_code == 429
    assert int(right.headers["Retry-After"]) <= 300
    # Nobody else is held up by it.
    assert guess(walk.app, EMAIL, PASSWORD).status_code == 303


def test_random_secrets_are_counted_by_network_and_the_right_ones_always_work(walk: ConnectionWalk, app: Flask) -> None:
    walk.save(client_id="")
    walk.visitor.get("/account")
    walk.visitor.post("/account/tokens", {"name": "job", "days": "30"})
    token = walk.visitor.page.xpath("//div[@class='aside']//@data-copy")[0]
    walk.visitor.get("/people")
    walk.visitor.post("/people/invite", {"email": "new@example.com", "role": "viewer"})
    invitation = walk.visitor.page.xpath("//section[@class='aside']//@data-copy")[0].removeprefix(walk.visitor.address)
    walk.visitor.get(f"/connections/{walk.id}/hand-off")
    walk.visitor.post(f"/connections/{walk.id}/hand-off", {})
    hand_off = walk.visitor.page.xpath("//div[@class='aside']//@data-copy")[0].removeprefix(walk.visitor.address)
    stranger = Visitor(app)

    def api(given: str) -> TestResponse:
        return stranger.get("/api/v1/connections", headers={"Authorization": f"Bearer {given}"})

    assert [api(f"dsp_{number}").status_code for number in range(62)] == [401] * 60 + [429] * 2
    told = json.loads(api("dsp_x\x7f").text)
    assert told["code"] == 429
    assert "Too many failed tries" in told["message"]
    assert re.search(r"You can try again in \d+ seconds\.", told["message"])
    assert int(stranger.response.headers["Retry-After"]) > 0
    assert api("").status_code == 401
    assert stranger.get("/api/v1/connections").status_code == 401
    assert api(token).status_code == 200
    paths = [f"/{('join', 'hand-off')[number % 2]}/wrong{number}" for number in range(60)]
    assert {stranger.get(path).status_code for path in paths} == {404}
    for path in ("/join/wrong", "/hand-off/wrong", "/hand-off/wrong/certificate"):
        assert stranger.get(path).status_code == 429
        assert int(stranger.response.headers["Retry-After"]) > 0
    assert stranger.get(invitation).status_code == 200
    assert stranger.get(hand_off).status_code == 200


def test_the_set_up_link(app: Flask) -> None:
    with app.app_context():
        link = service.first_administrator(app)
    assert link is not None
    stranger = Visitor(app)
    statuses = [stranger.get(f"/setup?token=wrong{number}").status_code for number in range(62)]
    assert statuses == [403] * 60 + [429] * 2
    # The address without a token is no guess.
    assert stranger.get("/setup").status_code == 403
    assert stranger.get(link.removeprefix("http://127.0.0.1:5000")).status_code == 200


@pytest.mark.slow
def test_the_token_of_the_metrics(make_app: Callable[..., Flask]) -> None:
    stranger = Visitor(make_app(metrics_token="let-prometheus-in"))

    def read(given: str) -> int:
        return stranger.get("/metrics", headers={"Authorization": f"Bearer {given}"}).status_code

    assert [read("let-prometheus-in") for _ in range(65)] == [200] * 65
    assert [read(f"wrong {number}") for number in range(62)] == [401] * 60 + [429] * 2
    # People choose this token: it may be one of those that are tried next.
    assert read("let-prometheus-in") == 429


def test_answers_of_single_sign_on_that_nobody_asked_for(make_app: Callable[..., Flask]) -> None:
    stranger = Visitor(make_app(oidc_issuer="http://127.0.0.1:1", oidc_client_id="x"))
    statuses = [stranger.get(f"/sso/callback?code=x&state=guess{number}").status_code for number in range(62)]
    assert statuses == [422] * 60 + [429] * 2


def test_counts_are_forgotten_and_name_nobody(
    clock: time_machine.Traveller, app: Flask, people: dict[str, int]
) -> None:
    guess(app, EMAIL, "guess")
    guess(app, "a" * 240 + "@example.com", "guess")
    with app.app_context():
        keys = [row.key for row in db.session.query(FailedTries)]
        assert len(keys) == 3
        assert {len(key) for key in keys} == {64}
        sweep(app)
        assert db.session.query(FailedTries).count() == 3
        clock.shift(301)
        sweep(app)
        assert db.session.query(FailedTries).count() == 0


def test_a_clock_that_was_set_back_locks_nobody_out(
    clock: time_machine.Traveller, app: Flask, people: dict[str, int]
) -> None:
    for number in range(11):
        last = guess(app, EMAIL, f"guess {number}")
    assert last.status_code == 429
    clock.shift(-86400)
    sweep(app)
    assert guess(app, EMAIL, PASSWORD).status_code == 303
