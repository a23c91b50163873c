import hmac
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.errors import Unavailable
from caesura.domain.secrets import Secrets, digest, open_sealed, same, seal

OLD, NEW = b"o" * 32, b"n" * 32
NONCE = b"0" * 12


@given(plain=st.binary(max_size=200), context=st.binary(max_size=50), nonce=st.binary(min_size=12, max_size=12))
def test_what_is_sealed_opens_with_its_key_in_its_place(plain: bytes, context: bytes, nonce: bytes) -> None:
    blob = seal(NEW, nonce, plain, context)
    assert open_sealed([OLD, NEW], blob, context) == plain


def test_what_is_sealed_cannot_be_read() -> None:
    assert b"password" not in seal(NEW, NONCE, b"password", b"mailbox/1")


def test_a_blob_sealed_under_an_older_key_still_opens_after_rotation() -> None:
    blob = seal(OLD, NONCE, b"password", b"mailbox/1")
    assert open_sealed([NEW, OLD], blob, b"mailbox/1") == b"password"


def test_a_blob_whose_key_is_gone_says_so() -> None:
    with pytest.raises(Unavailable) as caught:
        open_sealed([NEW], seal(OLD, NONCE, b"password", b"mailbox/1"), b"mailbox/1")
    assert caught.value.code == "secret_key_missing"


def test_a_blob_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(Unavailable) as caught:
        open_sealed([OLD], seal(OLD, NONCE, b"password", b"mailbox/1"), b"mailbox/2")
    assert caught.value.code == "secret_damaged"


def test_a_blob_with_any_byte_changed_or_cut_off_does_not_open() -> None:
    blob = seal(OLD, NONCE, b"password", b"mailbox/1")
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        for damaged in (changed, blob[:place]):
            with pytest.raises(Unavailable):
                open_sealed([OLD], damaged, b"mailbox/1")


def test_a_digest_is_hmac_sha256() -> None:
    # RFC 4231, test case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert digest(b"Jefe", b"what do ya want for nothing?").hex() == expected
    assert digest(b"key", b"message") == hmac.new(b"key", b"message", sha256).digest()
    assert same(digest(b"a", b"b"), digest(b"a", b"b"))
    assert not same(digest(b"a", b"b"), digest(b"a", b"c"))


def test_secrets_do_not_show_themselves() -> None:
    shown = repr(Secrets(b"p" * 32, (b"s" * 32,)))
    assert "ppp" not in shown
    assert "sss" not in shown


@pytest.mark.parametrize(("pepper", "sealing"), [(b"short", (NEW,)), (OLD, ()), (OLD, (NEW, b"short"))])
def test_secrets_of_a_wrong_length_are_refused(pepper: bytes, sealing: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Secrets(pepper, sealing)


def test_each_purpose_has_sealing_keys_of_its_own() -> None:
    secrets = Secrets(OLD, (NEW, OLD))
    assert len({*secrets.sealing_for("a"), *secrets.sealing_for("b"), *secrets.sealing}) == 6
