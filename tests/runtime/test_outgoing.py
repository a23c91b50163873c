"""What must hold of the settings for SMTP before anything starts."""

from pathlib import Path

import pytest

from caesura.domain.errors import Invalid
from caesura.runtime.outgoing import check_outgoing
from caesura.runtime.settings import Settings


def problem(**settings: str) -> str:
    with pytest.raises(Invalid) as caught:
        check_outgoing(Settings(**settings))
    [only] = caught.value.problems
    assert only.code == "bad_setting"
    return only.detail


def test_the_defaults_are_good() -> None:
    check_outgoing(Settings())


def test_a_good_name_and_a_good_file_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(AUTHORITY)
    check_outgoing(Settings(helo_name="mail.example.com", ca_file=str(file)))


@pytest.mark.parametrize(
    "content", [None, b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_of_authorities_that_holds_none_is_told_by_its_setting(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_bytes(content)
    detail = problem(ca_file=str(file))
    assert detail.startswith("ca_file: ") and str(file) in detail


def test_a_folder_is_no_file_of_authorities(tmp_path: Path) -> None:
    assert problem(ca_file=str(tmp_path)).startswith("ca_file: ")


@pytest.mark.parametrize("name", ["no host name", "192.0.2.1", "mail_1.example.com"])
def test_a_name_that_is_none_is_told_by_its_setting(name: str) -> None:
    detail = problem(helo_name=name)
    assert detail.startswith("helo_name: ") and repr(name) in detail


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        check_outgoing(Settings(helo_name="no host name", ca_file=str(tmp_path / "none.pem")))
    assert [one.detail.partition(":")[0] for one in caught.value.problems] == ["helo_name", "ca_file"]


AUTHORITY = b"""-----BEGIN CERTIFICATE-----
MIH1MIGooAMCAQICAQEwBQYDK2VwMBkxFzAVBgNVBAMMDlRlc3QgQXV0aG9yaXR5
MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAZMRcwFQYDVQQDDA5U
ZXN0IEF1dGhvcml0eTAqMAUGAytlcAMhAPjqefVjEVMfVcqlwGb0n7TgFxJFpAjA
nx+DY0ZBLwApoxMwETAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAIfCOe6AnlFe
uk6lC2qSzQwEfEGwK/oJR4CI2WIGBqNEjqVJnB9CmoAhiN09YYQN7mHdx+Nk42OY
HkBMMjBhkQY=
-----END CERTIFICATE-----
"""
