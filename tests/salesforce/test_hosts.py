from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.salesforce.hosts import (
    AddressRefused,
    is_api_origin,
    is_login_origin,
    is_my_domain,
    is_trusted_origin,
    looks_like_sandbox,
    understand_login_address,
)

TRUSTED = ("http://127.0.0.1:9000",)


@pytest.mark.parametrize(
    ("pasted", "origin"),
    [
        ("acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
        ("  HTTPS://Acme.My.Salesforce.com/home?x=1#y ", "https://acme.my.salesforce.com"),
        ("http://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("acme.my.salesforce.com:443", "https://acme.my.salesforce.com"),
        ("acme.my.salesforce.com.", "https://acme.my.salesforce.com"),
        ("<https://acme.my.salesforce.com>", "https://acme.my.salesforce.com"),
        ("acme.lightning.force.com/lightning/page/home", "https://acme.my.salesforce.com"),
        ("https://acme.lightning.force.com/lightning/setup/SetupOneHome/home", "https://acme.my.salesforce.com"),
        ("acme--uat.sandbox.my.salesforce.com/x", "https://acme--uat.sandbox.my.salesforce.com"),
        ("acme--uat.sandbox.lightning.force.com/lightning/n/x", "https://acme--uat.sandbox.my.salesforce.com"),
        ("acme-dev-ed.develop.lightning.force.com", "https://acme-dev-ed.develop.my.salesforce.com"),
        ("acme.my.salesforce-setup.com/lightning/setup/x", "https://acme.my.salesforce.com"),
        ("acme.my.site.com/portal", "https://acme.my.site.com/portal"),
        ("https://acme.my.site.com/portal/s/login/?ec=302", "https://acme.my.site.com/portal"),
        ("acme.my.site.com/s/", "https://acme.my.site.com"),
        (
            "acme--uat.sandbox.my.site.com/portal/services/oauth2/authorize?x=1",
            "https://acme--uat.sandbox.my.site.com/portal",
        ),
        ("acme.secure.force.com/portal", "https://acme.secure.force.com/portal"),
        ("acme.my-salesforce.com/home", "https://acme.my-salesforce.com"),
        ("acme.my-lightning.com/lightning/page/home", "https://acme.my-salesforce.com"),
        ("acme.cloudforce.com/x", "https://acme.cloudforce.com"),
        ("login.database.com", "https://login.database.com"),
        ("acme.file.force.com/x", "https://acme.my.salesforce.com"),
        ("acme.live-preview.salesforce-experience.com/x", "https://acme.my.salesforce.com"),
        ("acme--uat.sandbox.my.salesforce-setup.com/x", "https://acme--uat.sandbox.my.salesforce.com"),
        ("acme--c.visualforce.com/apex/x", "https://acme.my.salesforce.com"),
        ("acme--c.na139.visual.force.com/apex/x", "https://acme.my.salesforce.com"),
        ("acme--uat--c.cs5.visual.force.com", "https://acme--uat.my.salesforce.com"),
        ("acme--c.na139.content.force.com/servlet", "https://acme.my.salesforce.com"),
        ("127.0.0.1:9000/portal/login", "http://127.0.0.1:9000/portal"),
        ("acme--c.vf.force.com/apex/page", "https://acme.my.salesforce.com"),
        ("acme--uat--c.sandbox.vf.force.com", "https://acme--uat.sandbox.my.salesforce.com"),
        ("army.lightning.crmforce.mil", "https://army.my.salesforce.mil"),
        ("acme.lightning.sfcrmapps.cn", "https://acme.my.sfcrmproducts.cn"),
        ("login.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com/?locale=de", "https://test.salesforce.com"),
        ("127.0.0.1:9000/lightning/setup/home", "http://127.0.0.1:9000"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
    ],
)
def test_any_address_a_person_may_paste_is_understood(pasted: str, origin: str) -> None:
    assert understand_login_address(pasted, TRUSTED).url == origin


def test_another_address_than_the_pasted_one_is_marked() -> None:
    assert understand_login_address("acme.lightning.force.com").differs
    assert not understand_login_address("https://acme.my.salesforce.com/").differs


REFUSED = [
    "",
    "   ",
    "evilsalesforce.com",
    "salesforce.com.evil.io",
    "https://salesforce.com@evil.io",
    "https://acme.my.salesforce.com@evil.io/",
    "https://evil.io\\@acme.my.salesforce.com",
    "https://evil.io\\.salesforce.com",
    "https://acme.my.salesforce.com\\@evil.io",
    "https://evil.io/acme.my.salesforce.com",
    "https://evil.io?acme.my.salesforce.com",
    "https://evil.io#.salesforce.com",
    "https://аcme.my.salesforce.com",  # a Cyrillic а
    "https://acme.my.salesforсe.com",  # a Cyrillic с
    "https://acme.my.salesforce。com",
    "xn--80ak6aa92e.com",
    "acme.my.salesforce.com:8443",
    "acme.my.salesforce.com:99999",
    "https://[::1]/",
    "127.0.0.1",
    "http://127.0.0.1:9001",
    "https://127.0.0.1:9000",
    "2130706433",
    "0x7f.1",
    "10.0.0.1",
    "javascript:alert(1)",
    "ftp://acme.my.salesforce.com",
    "file:///etc/passwd",
    "acme my.salesforce.com",
    "acme.my.sales\nforce.com",
    "-acme.my.salesforce.com",
    "acme..my.salesforce.com",
    ".salesforce.com",
    "https://",
    "//",
    "force.com",
    "acme.force.com.evil.io",
    "www.salesforce.com",
    "my.site.com",
    "acme.my.site.com.evil.io/portal",
    "https://acme.my.site.com@evil.io/portal",
    "https://evil.io\\@acme.my.site.com/portal",
    "acme.cloudforce.com:8443",
    "acmecloudforce.com",
    "help.salesforce.com/s/articleView",
    "salesforce.com",
    "x" * 3000,
]


@pytest.mark.parametrize("pasted", REFUSED)
def test_everything_else_is_refused_with_a_reason(pasted: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        understand_login_address(pasted, TRUSTED)
    assert len(str(refusal.value)) > 20


@pytest.mark.parametrize("url", [*REFUSED, "http://acme.my.salesforce.com", "acme.my.salesforce.com"])
def test_no_secret_goes_to_what_is_not_salesforces(url: str) -> None:
    public_sites = {
        "force.com",
        "my.site.com",
        "www.salesforce.com",
        "help.salesforce.com/s/articleView",
        "salesforce.com",
    }
    assert url in public_sites or not is_trusted_origin(url, TRUSTED)


def test_trusted_origins_and_salesforces_own() -> None:
    assert is_trusted_origin("https://acme.my.salesforce.com/services/oauth2/token", ())
    assert is_trusted_origin("https://acme.my.salesforce.mil", ())
    assert is_trusted_origin("https://acme.my.sfcrmproducts.cn", ())
    assert is_trusted_origin("http://127.0.0.1:9000/id/x", TRUSTED)
    assert not is_trusted_origin("http://127.0.0.1:9000/id/x", ())
    assert not is_trusted_origin("http://user@127.0.0.1:9000/", TRUSTED)


@given(st.text(max_size=60))
def test_hostile_text_is_understood_or_refused_never_more(text: str) -> None:
    try:
        origin = understand_login_address(text, TRUSTED).url
    except AddressRefused:
        return
    assert is_trusted_origin(origin, TRUSTED)


@given(
    st.sampled_from(["https://", "http://", "", "//", "\\\\"]),
    st.text(alphabet="abc.@:/\\#?-%é。\t", max_size=20),
    st.sampled_from(["salesforce.com", "my.salesforce.com", "salesforce.com.evil.io", "evil.io"]),
    st.text(alphabet="abc.@:/\\#?-", max_size=10),
)
def test_no_mix_of_parts_leads_elsewhere(scheme: str, before: str, host: str, after: str) -> None:
    try:
        origin = understand_login_address(scheme + before + host + after).url
    except AddressRefused:
        return
    assert origin.startswith("https://")
    assert origin.endswith((".salesforce.com", ".salesforce.mil"))


def test_sandbox_and_my_domain_are_told_apart() -> None:
    assert looks_like_sandbox("https://test.salesforce.com")
    assert looks_like_sandbox("https://acme--uat.sandbox.my.salesforce.com")
    assert not looks_like_sandbox("https://acme.my.salesforce.com")
    assert is_my_domain("https://acme.my.salesforce.com", ())
    assert not is_my_domain("https://login.salesforce.com", ())
    assert is_my_domain("http://127.0.0.1:9000", TRUSTED)


SITES = ["https://acme.my.site.com/portal", "https://acme.force.com/portal"]
ORGS = [
    "https://acme.my.salesforce.com", "https://acme.my.salesforce.mil", "https://acme.my.sfcrmproducts.cn", "https://acme.my-salesforce.com",
    "https://acme.cloudforce.com", "https://acme.database.com",
]  # fmt: skip


@pytest.mark.parametrize("url", [*SITES, *ORGS])
def test_people_may_log_in_at_a_site_but_no_access_token_goes_there(url: str) -> None:
    assert is_login_origin(url, ())
    assert is_api_origin(url, ()) is (url in ORGS)
    for twisted in (
        url.replace("https:", "http:"),
        url.replace("https://", "https://x@"),
        url.replace(".com", ".com:8443").replace(".mil", ".mil:8443").replace(".cn", ".cn:8443"),
        url.replace("acme.", "acme\\@"),
        url.replace("acme", "\u0430cme"),
    ):
        assert not is_login_origin(twisted, ())
        assert not is_api_origin(twisted, ())


@given(
    st.text(alphabet="abc.@:/\\#?-%\u00e9\u3002", max_size=12),
    st.sampled_from([*SITES, *ORGS]),
    st.text(alphabet="ab.@:/\\#?", max_size=8),
)
def test_no_text_around_a_good_address_leads_elsewhere(before: str, url: str, after: str) -> None:
    try:
        found = understand_login_address(before + url.removeprefix("https://") + after).url
    except AddressRefused:
        return
    assert is_login_origin(found, ())
