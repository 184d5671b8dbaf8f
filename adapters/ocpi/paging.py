"""Reading a paged list from servers whose paging cannot be trusted.

Seen: `Link` headers with another scheme, a wrong path, an empty value, parameters set to "None"; a cursor that
repeats; a server that cuts pages to fewer than asked; lists that shrink or grow while they are read. So a link is
followed only inside the endpoint it belongs to, everything else is read by offset, and every loop has an end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from adapters.ocpi.envelope import many_of
from adapters.ocpi.origins import origin_of

PAGE_ROWS = 100
MOST_PAGES = 20_000
_NEXT = re.compile(r"<([^<>]*)>\s*;[^,]*\brel\s*=\s*\"?next\"?", re.IGNORECASE)


class BrokenList(Exception):
    """The list cannot be read to its end. The text says why."""


@dataclass(frozen=True, slots=True)
class Page:
    data: Any
    headers: Mapping[str, str]


Fetch = Callable[[Mapping[str, str]], Page]  # the query → a page


def all_items(fetch: Fetch, endpoint: str, query: Mapping[str, str]) -> Iterator[list[Any]]:
    """The members page by page. `fetch` asks the endpoint with a query. Raises BrokenList."""
    asked = {**query, "offset": "0", "limit": str(PAGE_ROWS)}
    queries: set[frozenset[tuple[str, str]]] = set()
    pages: set[tuple[str, ...]] = set()
    start, total = 0, None
    for _ in range(MOST_PAGES):
        queries.add(frozenset(asked.items()))
        page = fetch(asked)
        items = list(many_of(page.data))
        if not items:
            return
        counted = _count(page.headers.get("X-Total-Count"))
        fallen = total - counted if total is not None and counted is not None and counted < total else 0
        total = counted if counted is not None else total
        if fallen:
            # Some before us went away and those behind moved up: read again from where they are now.
            yield items
            queries.clear()
            pages.clear()
            start = max(start - fallen, 0)
            asked = {**query, "offset": str(start), "limit": str(PAGE_ROWS)}
            continue
        ids = tuple(map(_identity, items))
        if ids in pages:
            if total is not None and start < total:
                raise BrokenList(f"the same page again at {start} of {total}")
            return
        pages.add(ids)
        yield items
        start += len(items)
        link = page.headers.get("Link")
        followed = next_query(link, endpoint)
        if followed is not None and _leads_on(followed, start, queries, query):
            asked = {**query, **followed}
            start = _count(followed.get("offset")) or start
            continue
        if start >= total if total is not None else link is None:
            return
        asked = {**query, "offset": str(start), "limit": str(PAGE_ROWS)}
    raise BrokenList(f"more than {MOST_PAGES} pages")


def _leads_on(
    followed: Mapping[str, str], start: int, queries: Collection[frozenset[tuple[str, str]]], query: Mapping[str, str]
) -> bool:
    """Whether a link goes to rows we have not had."""
    offset = _count(followed.get("offset"))
    return (offset is None or offset >= start) and frozenset({**query, **followed}.items()) not in queries


def next_query(link: str | None, endpoint: str) -> dict[str, str] | None:
    """The query of the next page, if the link leads to the endpoint itself; else None."""
    match = _NEXT.search(link or "")
    if match is None or not match[1].strip():
        return None
    url = urljoin(endpoint, match[1].strip())
    if origin_of(url) != origin_of(endpoint):
        return None
    there, here = urlsplit(url), urlsplit(endpoint)
    if there.path.rstrip("/") != here.path.rstrip("/"):
        return None
    return {name: value for name, value in parse_qsl(there.query) if value not in ("None", "null", "")}


def _count(text: str | None) -> int | None:
    word = (text or "").strip()
    return int(word[:12]) if word.isascii() and word.isdigit() else None


def _identity(item: Any) -> str:
    """What tells one member from another: a page that repeats is known by it."""
    if isinstance(item, dict):
        return "/".join(str(item.get(name)) for name in ("country_code", "party_id", "id", "uid"))
    return repr(item)[:200]
