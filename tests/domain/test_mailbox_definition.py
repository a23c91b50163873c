"""Mailbox and pool definitions."""

from typing import Any

import pytest
from signing_keys import SHORT_KEY, rfc_key

from caesura.domain.errors import Invalid
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition, is_near
from caesura.domain.validation import validate


def mailbox(**transport: object) -> MailboxDefinition:
    data = {"name": "anna", "address": "anna@example.com", "transport": {"host": "smtp.example.com", **transport}}
    return validate(MailboxDefinition, data)


def problems(model: type[MailboxDefinition] | type[PoolDefinition], data: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        validate(model, data)
    return [f"{problem.code} {problem.pointer}" for problem in caught.value.problems]


def problems_with(transport: dict[str, Any] | None = None, **fields: object) -> list[str]:
    data = {"name": "anna", "address": "anna@example.com", "transport": {"host": "smtp.example.com"}}
    return problems(MailboxDefinition, data | fields | ({"transport": transport} if transport is not None else {}))


def test_a_host_and_an_address_are_enough() -> None:
    plain = mailbox()
    assert (plain.transport.tls, plain.transport.port) == ("starttls", 587)
    assert (plain.limits.connections, plain.limits.gap_seconds, plain.limits.daily_cap) == (2, 0, None)
    assert (plain.zone, plain.windows) == ("UTC", ())


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465)])
def test_the_port_follows_the_kind_of_tls(tls: str, port: int) -> None:
    assert mailbox(tls=tls).transport.port == port
    assert mailbox(tls=tls, port=2525).transport.port == 2525


def test_the_password_does_not_show() -> None:
    definition = mailbox(username="anna", password="sesame", auth="plain")
    assert definition.transport.password is not None
    assert definition.transport.password.get_secret_value() == "sesame"
    assert "sesame" not in repr(definition) + definition.model_dump_json()


@pytest.mark.parametrize(
    "host",
    ["localhost", "mail.localhost", "127.0.0.1", "127.1.2.3", "::1", "10.0.0.5", "192.168.1.1", "172.16.0.1", "fd00::1"]
    + ["169.254.1.1", "::ffff:10.0.0.1"],
)
def test_a_near_host_may_go_without_tls(host: str) -> None:
    assert is_near(host)
    assert mailbox(host=host, tls="none").transport.port == 25


@pytest.mark.parametrize(
    "host", ["smtp.example.com", "9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "localhost.example.com"]
)
def test_a_far_host_needs_tls_or_a_permission(host: str) -> None:
    assert not is_near(host)
    assert problems_with(transport={"host": host, "tls": "none"}) == ["insecure_transport /transport/tls"]
    assert mailbox(host=host, tls="none", allow_insecure=True)


@pytest.mark.parametrize(
    ("transport", "expected"),
    [
        ({}, ["missing_field /transport/host"]),
        ({"host": "smtp example.com"}, ["invalid_host /transport/host"]),
        ({"host": "https://example.com"}, ["invalid_host /transport/host"]),
        ({"host": "999.1.1.1"}, ["invalid_host /transport/host"]),
        ({"host": "-a.example"}, ["invalid_host /transport/host"]),
        ({"host": ""}, ["invalid_host /transport/host"]),
        ({"host": "a." * 200 + "example"}, ["invalid_host /transport/host"]),
        ({"host": "a.example", "port": 0}, ["out_of_range /transport/port"]),
        ({"host": "a.example", "port": 65_536}, ["out_of_range /transport/port"]),
        ({"host": "a.example", "port": "587"}, ["wrong_type /transport/port"]),
        ({"host": "a.example", "tls": "ssl"}, ["unknown_value /transport/tls"]),
        ({"host": "a.example", "username": "anna"}, ["missing_field /transport/password"]),
        ({"host": "a.example", "username": "anna", "password": ""}, ["missing_field /transport/password"]),
        ({"host": "a.example", "password": "x"}, ["missing_field /transport/username"]),
        ({"host": "a.example", "auth": "plain"}, ["missing_field /transport/username"]),
        ({"host": "a.example", "username": "a\n", "password": "x"}, ["control_character /transport/username"]),
        ({"host": "a.example", "username": "a", "password": "x\0y"}, ["control_character /transport/password"]),
        ({"host": "a.example", "username": "a", "password": "x" * 10_001}, ["too_long /transport/password"]),
        ({"host": "a.example", "password_env": "HOME"}, ["unknown_field /transport/password_env"]),
    ],
)
def test_a_bad_transport_is_refused(transport: dict[str, Any], expected: list[str]) -> None:
    assert problems_with(transport=transport) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"address": "Anna <anna@example.com>"}, ["address_display_name /address"]),
        ({"reply_to": "nobody"}, ["address_syntax /reply_to"]),
        ({"from_name": "Anna\r\nBcc: x@example.com"}, ["control_character /from_name"]),
        ({"zone": "Mars/Olympus"}, ["unknown_time_zone /zone"]),
        (
            {"windows": [{"days": ["mon"], "start": "10:00", "end": "09:00"}]},
            ["window_ends_before_start /windows/0/end"],
        ),
        ({"limits": {"connections": 0}}, ["out_of_range /limits/connections"]),
        ({"limits": {"connections": 101}}, ["out_of_range /limits/connections"]),
        ({"limits": {"gap_seconds": -1}}, ["out_of_range /limits/gap_seconds"]),
        ({"limits": {"jitter_seconds": 86_401}}, ["out_of_range /limits/jitter_seconds"]),
        ({"limits": {"rate_per_second": 0}}, ["out_of_range /limits/rate_per_second"]),
        ({"limits": {"rate_per_second": float("nan")}}, ["out_of_range /limits/rate_per_second"]),
        ({"limits": {"daily_cap": 0}}, ["out_of_range /limits/daily_cap"]),
        ({"limits": {"ramp": {"start": 1}}}, ["factor_or_add /limits/ramp"]),
    ],
)
def test_a_bad_mailbox_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    assert problems_with(**fields) == expected


def test_a_pool_names_its_mailboxes_once() -> None:
    assert validate(PoolDefinition, {"name": "sales", "mailboxes": ["a", "b"]}).mailboxes == ("a", "b")
    assert problems(PoolDefinition, {"name": "sales", "mailboxes": []}) == ["too_short /mailboxes"]
    assert problems(PoolDefinition, {"name": "sales", "mailboxes": ["a", "b", "a "]}) == ["duplicate_name /mailboxes/2"]


def signing(**changes: object) -> dict[str, object]:
    return {"domain": "example.com", "selector": "mail2030", "private_key": rfc_key()} | changes


def test_a_mailbox_signs_nothing_unless_it_is_told_to() -> None:
    assert mailbox().dkim is None


def test_a_domain_and_a_selector_take_their_canonical_form_and_the_key_is_not_shown() -> None:
    data = {"name": "anna", "address": "anna@mail.bücher.example", "transport": {"host": "smtp.example.com"}}
    dkim = signing(domain="Bücher.example", selector="Mail-1.EU")
    read = validate(MailboxDefinition, data | {"dkim": dkim})
    assert read.dkim is not None
    assert (read.dkim.domain, read.dkim.selector) == ("xn--bcher-kva.example", "mail-1.eu")
    assert rfc_key().splitlines()[1] not in repr(read)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"domain": "example.org"}, "dkim_not_aligned /dkim/domain"),
        ({"domain": "mail.example.com"}, "dkim_not_aligned /dkim/domain"),
        ({"domain": "com"}, "invalid_domain /dkim/domain"),
        ({"domain": "a@example.com"}, "invalid_domain /dkim/domain"),
        ({"domain": "exa mple.com"}, "invalid_domain /dkim/domain"),
        ({"selector": ""}, "invalid_selector /dkim/selector"),
        ({"selector": "a; d=b"}, "invalid_selector /dkim/selector"),
        ({"selector": "a..b"}, "invalid_selector /dkim/selector"),
        ({"selector": "a_b"}, "invalid_selector /dkim/selector"),
        ({"selector": ".".join(["a" * 60] * 4)}, "too_long /dkim/selector"),
        ({"private_key": "garbage"}, "dkim_key_unreadable /dkim/private_key"),
        ({"private_key": SHORT_KEY}, "dkim_key_size /dkim/private_key"),
        ({"private_key": "x" * 10_001}, "too_long /dkim/private_key"),
        ({"key": "x"}, "unknown_field /dkim/key"),
    ],
)
def test_a_signature_that_would_not_count_is_refused(changes: dict[str, object], expected: str) -> None:
    assert problems_with(dkim=signing(**changes)) == [expected]
