import pytest
from fastapi.exceptions import RequestValidationError

from caesura.domain.errors import Conflict
from caesura.http.etags import etag, expected_version


@pytest.mark.parametrize("version", [1, 7, 123456])
async def test_the_tag_of_a_version_asks_for_that_version(version: int) -> None:
    assert await expected_version(etag(version)) == version


@pytest.mark.parametrize("header", [None, "*", " * "])
async def test_without_a_tag_any_version_will_do(header: str | None) -> None:
    assert await expected_version(header) is None


@pytest.mark.parametrize("header", ['W/"7"', '"abc"', '"0"', '"-1"', '""', '"99999999999999999999"', '"٧"'])
async def test_a_tag_that_names_no_version_of_ours_matches_nothing(header: str) -> None:
    with pytest.raises((Conflict, RequestValidationError)) as caught:
        await expected_version(header)
    assert not isinstance(caught.value, Conflict) or caught.value.code == "version_mismatch"


@pytest.mark.parametrize("header", ["", "7", '"7', "'7'", '"7", "8"', "w/7", '"a"b"'])
async def test_what_is_not_one_entity_tag_is_refused(header: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await expected_version(header)
    assert caught.value.errors()[0]["loc"] == ("header", "If-Match")
