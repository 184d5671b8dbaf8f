"""The Open Charge Map API, `/v3/poi`: all records of a query, page by page by ascending id."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.download import USER_AGENT
from adapters.files import Document
from adapters.http import Patience, SupplierHttp
from core.errors import SupplierUnavailable

PAGE_RECORDS = 500
MOST_PAGES = 2_000
# A page of 500 verbose records is about 2 MB; the server is shared by many, and slow at times.
_PATIENCE = Patience(total_s=120.0, max_bytes=64 << 20, tries=4)
# Full objects: the licence of a record stands in its DataProvider, which compact records lack.
_ASKED = {"output": "json", "opendata": "true", "compact": "false", "verbose": "true", "sortby": "id_asc"}


class OcmApi:
    """One query. The key travels in a header, to this server only (redirects are not followed)."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        page_records: int = PAGE_RECORDS,
        between_pages: Callable[[], None] = lambda: None,
        http: Callable[[str, str], SupplierHttp] = SupplierHttp,
    ) -> None:
        parts = urlsplit(url)
        self._query = dict(parse_qsl(parts.query))
        # A key in the address would end up in logs and histories of others: it goes where ours goes.
        key = self._query.pop("key", "") or api_key
        self._headers = {"User-Agent": USER_AGENT} | ({"X-API-Key": key} if key else {})
        self._path, self._page_records, self._between_pages = parts.path, page_records, between_pages
        self._http = http("ocm", f"{parts.scheme}://{parts.netloc}")

    def mirror(self) -> Document:
        """All records as a temporary file, one per line. Raises SupplierUnavailable."""
        # No `with`: the mirror that is returned owns the file and lives longer than this call.
        file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", prefix="ocm-", encoding="utf-8")  # noqa: SIM115
        last_id = 0
        for _ in range(MOST_PAGES):
            records = self._page(last_id)
            ids = [record["ID"] for record in records if isinstance(record.get("ID"), int)]
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
            # The server may give fewer than asked for; only a page without anything newer is the last.
            if not ids or max(ids) <= last_id:
                file.flush()
                return _Mirror(file)
            last_id = max(ids)
            self._between_pages()
        raise SupplierUnavailable("ocm", "poi", f"no end after {MOST_PAGES} pages")

    def first(self) -> None:
        """Ask for one record, to know that we may. Raises SupplierUnavailable."""
        self._page(0)

    def _page(self, after_id: int) -> list[dict[str, Any]]:
        paging = {"greaterthanid": str(after_id), "maxresults": str(self._page_records)}
        answer = self._http.get(self._path, _PATIENCE, params=_ASKED | paging | self._query, headers=self._headers)
        if not isinstance(answer, list) or not all(isinstance(record, dict) for record in answer):
            raise SupplierUnavailable("ocm", "poi", "the answer is not a list of records")
        return answer


class _Mirror(Document):
    """A document that keeps its temporary file for as long as it lives."""

    def __init__(self, file: Any) -> None:
        super().__init__(file.name)
        self._file = file
