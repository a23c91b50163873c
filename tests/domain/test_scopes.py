import pytest

from caesura.domain.errors import Invalid
from caesura.domain.scopes import DESCRIPTIONS, Scope, allows, checked


def test_every_scope_is_described() -> None:
    assert set(DESCRIPTIONS) == set(Scope)


@pytest.mark.parametrize("needed", Scope)
def test_a_scope_allows_itself_and_nothing_else_but_the_star_allows_all(needed: Scope) -> None:
    for held in Scope:
        assert allows([held], needed) is (held in (needed, Scope.ALL))
    assert not allows([], needed)


def test_scopes_are_put_in_order_each_once() -> None:
    assert checked(["leads:read", "campaigns:read", "leads:read"]) == ["campaigns:read", "leads:read"]


def test_each_unknown_scope_is_named_with_its_place() -> None:
    with pytest.raises(Invalid) as caught:
        checked(["leads:read", "leads:eat", "CAMPAIGNS:READ"])
    assert [problem.pointer for problem in caught.value.problems] == ["/scopes/1", "/scopes/2"]
    assert caught.value.code == "unknown_scope"


def test_a_key_without_scopes_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        checked([])
    assert caught.value.code == "scopes_missing"
