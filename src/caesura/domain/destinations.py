"""Where webhooks may go: to the open internet over https, and to hosts that whoever runs this server has named."""

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from caesura.domain.errors import Invalid, Problem

URL_LENGTH = 2_000

# All unicast addresses of the open internet are here (RFC 4291). `is_global` takes in more: what was once site-local,
# and NAT64 (RFC 6052, RFC 8215), which is any IPv4 address under another name.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")

# A host whose last part is one of these is an address to some: 127.1, 0x7f.1, 2130706433. No top-level domain is so.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def is_open(address: str) -> bool:
    """Whether an IP address is one of the open internet.

    Not so: private, loopback, link-local, shared (CGNAT, RFC 6598), multicast, unspecified and reserved ones; and what
    an IPv6 address hides an IPv4 address in (IPv4-mapped, 6to4, Teredo, NAT64); and what is no address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (
        parsed not in _GLOBAL_UNICAST or parsed.sixtofour or parsed.teredo
    ):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


@dataclass(frozen=True, slots=True)
class Destinations:
    """What may be reached. `named` are host names and addresses, in lower case, that may be anywhere, over http too."""

    named: Collection[str] = ()

    @classmethod
    def of(cls, text: str | None) -> "Destinations":
        """Out of the setting: host names and addresses with commas between."""
        return cls(frozenset(part.strip().lower().strip("[]") for part in (text or "").split(",") if part.strip()))

    def is_named(self, url: str) -> bool:
        """Whether the URL's host is one of those named."""
        return (urlsplit(url).hostname or "") in self.named

    def check(self, url: str) -> None:
        """Raises Invalid `url_invalid`, `url_not_https` or `url_refused`, with the pointer `/url`.

        A host's addresses are looked at whenever it is connected to, not here: names change their addresses.
        """
        host = _host(url)
        if host is None:
            raise _wrong("url_invalid", f"this must be a URL as https://example.com/path, of {URL_LENGTH} characters")
        if host in self.named:
            return
        if not url.lower().startswith("https://"):
            raise _wrong("url_not_https", "the URL must begin with https://")
        if _is_address(host) and not is_open(host):
            raise _wrong("url_refused", f"{host} is not an address of the open internet")
        plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").removesuffix(".")
        if plain == "localhost" or plain.endswith(".localhost"):
            raise _wrong("url_refused", f"{host} is this machine")
        if _NUMBER.fullmatch(plain.rpartition(".")[2]) and not _is_address(host):
            raise _wrong("url_refused", f"{host} is an address written in another way than 192.0.2.1")


def origin(url: str) -> str:
    """Scheme, host and port of a URL: what can be told of it where its path or query may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _host(url: str) -> str | None:
    """The host of a URL of http or https without a user; None when it is anything else."""
    if len(url) > URL_LENGTH or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return None
    return parts.hostname or None if is_sound and "@" not in parts.netloc else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _wrong(code: str, detail: str) -> Invalid:
    return Invalid.of(Problem(code, detail, pointer="/url"))
