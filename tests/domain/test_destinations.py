"""Which URLs a webhook may have, and which addresses count as the open internet."""

import pytest

from caesura.domain.destinations import Destinations, is_open
from caesura.domain.errors import Invalid


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.9.9",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2002:0a00:0001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "::10.0.0.1",
        "fec0::1",
        "no address",
        "",
    ],
)
def test_what_is_not_the_open_internet_is_refused(address: str) -> None:
    assert not is_open(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:831::200e"])
def test_the_open_internet_is_open(address: str) -> None:
    assert is_open(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "url_not_https"),
        ("ftp://example.com/", "url_invalid"),
        ("example.com", "url_invalid"),
        ("https://", "url_invalid"),
        ("https:///path", "url_invalid"),
        ("https://user:secret@example.com/", "url_invalid"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://exa mple.com/", "url_invalid"),
        ("https://example.com/\n", "url_invalid"),
        ("https://good.example\\@10.0.0.1/", "url_invalid"),
        ("https://[::1/", "url_invalid"),
        ("https://example.com/" + "a" * 2000, "url_invalid"),
        ("https://10.0.0.1/", "url_refused"),
        ("https://[::ffff:127.0.0.1]/", "url_refused"),
        ("https://[64:ff9b::1]/", "url_refused"),
        ("https://LOCALHOST/", "url_refused"),
        ("https://a.localhost/", "url_refused"),
        ("https://localhost./", "url_refused"),
        ("https://\u24dbocalhost/", "url_refused"),
        ("https://127.0.0.1./", "url_refused"),
        ("https://127.1/", "url_refused"),
        ("https://0x7f.1/", "url_refused"),
        ("https://0X7F000001/", "url_refused"),
        ("https://2130706433/", "url_refused"),
        ("https://017700000001/", "url_refused"),
        ("https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "url_refused"),
        ("https://127\u30020\u30020\u30021/", "url_refused"),
        ("https://[::ffff:7f00:1]/", "url_refused"),
        ("https://[2002:7f00:1::]/", "url_refused"),
    ],
)
def test_what_no_webhook_may_have_as_its_url(url: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        Destinations().check(url)
    assert (caught.value.code, caught.value.problems[0].pointer) == (code, "/url")


def test_https_to_any_name_is_fine() -> None:
    Destinations().check("https://hooks.example.com:8443/a?b=c")


def test_named_hosts_may_be_anywhere_and_without_tls() -> None:
    destinations = Destinations.of(" 127.0.0.1, Intranet.Example ,[::1],")
    for url in ("http://127.0.0.1:9/", "https://intranet.example/", "http://INTRANET.example/", "http://[::1]:80/"):
        destinations.check(url)
        assert destinations.is_named(url)
    with pytest.raises(Invalid):
        destinations.check("http://127.0.0.2/")
    assert not destinations.is_named("http://127.0.0.2/")
