"""Lists are read to their end from servers that page in every way seen so far, and in none for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters.ocpi import paging
from adapters.ocpi.paging import BrokenList, Page, all_items, next_query

ENDPOINT = "https://cpo.example/ocpi/2.2.1/locations"


class Pages:
    """A server of numbered things. `link` makes the Link header from the next offset, None for none."""

    def __init__(self, count: int, most: int = 100, *, total: bool = True) -> None:
        self.ids, self.most, self.total = list(range(count)), most, total
        self.link: Callable[[int], str | None] = lambda offset: f'<{ENDPOINT}?offset={offset}>; rel="next"'
        self.asked: list[dict[str, str]] = []
        self.before: Callable[[], None] = lambda: None

    def __call__(self, query: Mapping[str, str]) -> Page:
        self.before()
        self.asked.append(dict(query))
        offset, limit = int(query["offset"]), min(int(query.get("limit", 100)), self.most)
        rows = self.ids[offset : offset + limit]
        headers = {"X-Total-Count": str(len(self.ids))} if self.total else {}
        more = offset + limit < len(self.ids)
        if (link := self.link(offset + limit) if more else None) is not None:
            headers["Link"] = link
        return Page([{"id": str(one)} for one in rows], headers)


def read(server: Callable[[Mapping[str, str]], Page], query: Mapping[str, str] | None = None) -> list[int]:
    return [int(one["id"]) for items in all_items(server, ENDPOINT, query or {}) for one in items]


@pytest.mark.parametrize(
    "link",
    [
        lambda offset: f'<{ENDPOINT}?offset={offset}&limit=100>; rel="next"',
        lambda offset: f"<{ENDPOINT}/?offset={offset}>; rel=next",
        lambda offset: f'</ocpi/2.2.1/locations?offset={offset}>; REL="Next"',
        lambda offset: f'<http://cpo.example/ocpi/2.2.1/locations?offset={offset}>; rel="next"',  # behind a TLS proxy
        lambda offset: (
            f'<https://cpo.example/ocpi/VersionNumber.v_2_2_1/ModuleID.locations?offset={offset}>; rel="next"'
        ),
        lambda offset: f'<{ENDPOINT}?offset={offset}&date_from=None>; rel="next"',
        lambda offset: f'<https://elsewhere.example/ocpi/2.2.1/locations?offset={offset}>; rel="next"',
        lambda offset: f'<{ENDPOINT}?offset=0>; rel="next"',
        lambda offset: "not a link",
        lambda offset: "",
        lambda offset: None,
    ],
)
def test_all_is_read_whatever_the_link_says(link: Callable[[int], str | None]) -> None:
    server = Pages(250)
    server.link = link
    assert read(server) == list(range(250))
    assert all("None" not in query.values() for query in server.asked)


def test_a_link_is_followed_only_into_its_own_endpoint() -> None:
    assert next_query(f'<{ENDPOINT}?cursor=x>; rel="next"', ENDPOINT) == {"cursor": "x"}
    for foreign in ("https://cpo.example.evil/ocpi/2.2.1/locations", "https://cpo.example/ocpi/2.2.1/tokens"):
        assert next_query(f'<{foreign}?cursor=x>; rel="next"', ENDPOINT) is None
    assert next_query(f'<{ENDPOINT}?cursor=x>; rel="prev"', ENDPOINT) is None
    assert next_query(f"<{ENDPOINT.replace('https://', 'https://user:pass@')}?a=1>; rel=next", ENDPOINT) is None


def test_the_filter_goes_along_with_every_page() -> None:
    server = Pages(250)
    read(server, {"date_from": "2026-01-01T00:00:00Z"})
    assert [query["date_from"] for query in server.asked] == ["2026-01-01T00:00:00Z"] * 3


def test_a_server_that_gives_one_at_a_time() -> None:
    server = Pages(40, most=1)
    server.link = lambda offset: None
    assert read(server) == list(range(40))


def test_without_a_count_the_links_lead() -> None:
    assert read(Pages(250, total=False)) == list(range(250))


def test_without_count_and_link_one_page_is_all() -> None:
    server = Pages(80, total=False)
    assert read(server) == list(range(80))
    assert len(server.asked) == 1


def test_a_cursor_that_repeats_ends_the_list() -> None:
    page = Page([{"id": "1"}, {"id": "2"}], {"Link": f'<{ENDPOINT}?cursor=same>; rel="next"'})
    assert read(lambda query: page) == [1, 2]


def test_a_page_that_repeats_before_the_end_is_not_taken_for_the_whole() -> None:
    page = Page([{"id": "1"}, {"id": "2"}], {"X-Total-Count": "500"})
    with pytest.raises(BrokenList, match="the same page again at 2 of 500"):
        read(lambda query: page)


def test_nothing_is_lost_of_a_list_that_shrinks() -> None:
    server = Pages(300)

    def loses_one_in_front() -> None:
        if len(server.asked) == 1:
            del server.ids[5:25]

    server.before = loses_one_in_front
    assert set(read(server)) >= set(server.ids)


def test_a_list_that_grows_is_read_on() -> None:
    server = Pages(150)

    def grows() -> None:
        if len(server.asked) == 1:
            server.ids.extend(range(150, 230))

    server.before = grows
    assert read(server) == list(range(230))


def test_a_single_object_is_a_list_of_one() -> None:
    assert read(lambda query: Page({"id": "7"}, {})) == [7]


def test_no_list_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 30)
    number = iter(range(1_000))

    def endless(query: Mapping[str, str]) -> Page:
        one = next(number)
        return Page([{"id": str(one)}], {"Link": f'<{ENDPOINT}?cursor={one}>; rel="next"'})

    with pytest.raises(BrokenList, match="more than 30 pages"):
        read(endless)


def test_members_of_any_shape_are_handed_on() -> None:
    odd: list[Any] = [None, 7, "text", {"id": "1"}, ["list"]]
    assert [one for items in all_items(lambda query: Page(odd, {}), ENDPOINT, {}) for one in items] == odd
