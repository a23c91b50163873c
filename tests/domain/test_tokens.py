"""Nobody can make up an unsubscribe link."""

from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.tokens import read_unsubscribe_token, unsubscribe_token

SECRET = b"s" * 32


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
def test_a_token_names_its_lead_again(workspace, lead) -> None:
    token = unsubscribe_token(SECRET, workspace, lead)
    assert token.isalnum()
    assert read_unsubscribe_token(SECRET, token) == (workspace, lead)
    assert read_unsubscribe_token(SECRET, token.upper()) == (workspace, lead)


@given(st.integers(0, 49), st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz-é٣"))
def test_a_changed_token_names_nobody(place, letter) -> None:
    token = unsubscribe_token(SECRET, 3, 5)
    changed = token[:place] + letter + token[place + 1 :]
    assert changed == token or read_unsubscribe_token(SECRET, changed) is None


@given(st.text(max_size=60))
def test_anything_else_names_nobody(text) -> None:
    assert read_unsubscribe_token(SECRET, text) is None


def test_a_token_of_another_installation_names_nobody() -> None:
    assert read_unsubscribe_token(b"t" * 32, unsubscribe_token(SECRET, 3, 5)) is None
