"""Pydantic's errors in our words."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.errors import Invalid
from caesura.domain.validation import MAXIMUM_PROBLEMS, validate


class Leaf(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    number: int = Field(default=1, le=9)
    flag: bool = True
    names: list[str] = []
    texts: dict[str, int] = {}


class Tree(BaseModel):
    leaves: list[Leaf]


def found(data: object) -> list[tuple[str, str | None]]:
    with pytest.raises(Invalid) as caught:
        validate(Tree, data, "tree.toml")
    assert all(problem.file == "tree.toml" and problem.detail for problem in caught.value.problems)
    return [(problem.code, problem.pointer) for problem in caught.value.problems]


def test_all_problems_are_told_at_once_with_their_pointers() -> None:
    leaves = [{"number": 10, "flag": "yes"}, {"names": [1], "a/b~c": 0}, 5, {"number": 1.5}]
    assert found({"leaves": leaves}) == [
        ("out_of_range", "/leaves/0/number"),
        ("wrong_type", "/leaves/0/flag"),
        ("wrong_type", "/leaves/1/names/0"),
        ("unknown_field", "/leaves/1/a~1b~0c"),
        ("wrong_type", "/leaves/2"),
        ("wrong_type", "/leaves/3/number"),
    ]


@pytest.mark.parametrize(("data", "kind"), [(None, "null"), ([], "a list"), ("x", "a text"), (1, "a number")])
def test_the_kind_of_what_was_given_is_told(data: object, kind: str) -> None:
    with pytest.raises(Invalid, match=f"must be an object, not {kind}"):
        validate(Tree, data)


def test_a_missing_field_is_told() -> None:
    assert found({}) == [("missing_field", "/leaves")]


def test_values_are_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        validate(Tree, {"leaves": [{"number": "secret", "flag": "secret", "names": "secret"}]})
    assert not any("secret" in problem.detail for problem in caught.value.problems)


def test_a_million_faults_are_not_all_listed() -> None:
    assert len(found({"leaves": [0] * 1000})) == MAXIMUM_PROBLEMS


def test_the_key_of_an_object_is_its_place() -> None:
    assert found({"leaves": [{"texts": {"key": "x", 3: 1}}]}) == [
        ("wrong_type", "/leaves/0/texts/key"),
        ("wrong_type", "/leaves/0/texts/3"),
    ]
