import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.api_key import ENTROPY_BYTES, KeyForm, mint, split
from caesura.domain.errors import Unauthenticated
from caesura.http.key_forms import KEY_FORMS

NATIVE = KEY_FORMS["native"]


@pytest.mark.parametrize("form", KEY_FORMS.values(), ids=lambda form: form.dialect)
@given(entropy=st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES))
def test_a_minted_key_splits_into_its_prefix_and_secret(form: KeyForm, entropy: bytes) -> None:
    prefix, text = mint(form, entropy)
    assert text.startswith(form.lead_in + prefix)
    found_prefix, secret = split(form, text)
    assert found_prefix == prefix
    assert len(secret) * 5 >= 256


def test_keys_of_different_entropy_differ() -> None:
    texts = {
        mint(NATIVE, place * b"\0" + b"\1" + (ENTROPY_BYTES - 1 - place) * b"\0") for place in range(ENTROPY_BYTES)
    }
    assert len(texts) == ENTROPY_BYTES


def test_a_native_key_has_its_documented_form() -> None:
    _, text = mint(NATIVE, bytes(range(ENTROPY_BYTES)))
    assert re.fullmatch(r"cae_[a-z2-7]{16}\.[a-z2-7]{52}", text)


@pytest.mark.parametrize("form", KEY_FORMS.values(), ids=lambda form: form.dialect)
def test_a_vendors_key_has_letters_and_digits_only_behind_its_lead_in(form: KeyForm) -> None:
    _, text = mint(form, bytes(range(ENTROPY_BYTES)))
    assert form is NATIVE or text.removeprefix(form.lead_in).isalnum()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text.upper(),
        lambda text: text.replace("cae_", "sk_live_"),
        lambda text: text.removeprefix("cae_"),
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text[:-1] + "\0",
        lambda text: text.replace(".", ".."),
        lambda text: text[:-1] + "é",
    ],
)
def test_a_key_that_was_not_copied_whole_is_malformed(change) -> None:  # type: ignore[no-untyped-def]
    _, text = mint(NATIVE, bytes(range(ENTROPY_BYTES)))
    with pytest.raises(Unauthenticated) as caught:
        split(NATIVE, change(text))
    assert caught.value.code == "key_malformed"


def test_too_little_entropy_makes_no_key() -> None:
    with pytest.raises(ValueError, match="42 bytes"):
        mint(NATIVE, b"1234")
