"""Files: what they may look like, how they break, and how an address is fetched within its bounds."""

from __future__ import annotations

import gzip
import http.server
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import jsonstream
from adapters.download import Limits
from adapters.files import Document, NoRows, csv_rows, json_rows
from core.errors import SupplierUnavailable, UserError
from tests.adapters.registers.publisher import Server, body, redirect
from tests.adapters.registers.reading import write_bytes

QUICK = Limits(download_bytes=200_000, content_bytes=400_000, read_timeout_s=2.0, deadline_s=1.0)


def csv_of(tmp_path: Path, data: bytes | str) -> list[tuple[int, dict[str, str], str]]:
    path = write_bytes(tmp_path / "rows.csv", data.encode() if isinstance(data, str) else data)
    return [(row.number, row.fields, row.problem) for row in csv_rows(Document(str(path)))]


def json_of(tmp_path: Path, text: str, name: str = "rows.json") -> list[object]:
    path = write_bytes(tmp_path / name, text.encode())
    return [row.problem or row.fields for row in json_rows(Document(str(path)))]


# --- CSV --------------------------------------------------------------------------------------------------


def test_plain_csv_with_bom_crlf_and_quoted_line_breaks(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, '\ufeffa,b\r\n1,"x\r\ny"\r\n2,z\r\n')
    assert rows == [(2, {"a": "1", "b": "x\r\ny"}, ""), (4, {"a": "2", "b": "z"}, "")]


def test_semicolons(tmp_path: Path) -> None:
    assert csv_of(tmp_path, "a;b\n1,5;2\n")[0][1] == {"a": "1,5", "b": "2"}


def test_broken_lines_are_told_and_skipped(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, "a,b\n1,2\nonly one\n3,4,5\n6,7\n")
    assert [(number, problem) for number, _, problem in rows] == [
        (2, ""),
        (3, "broken_line"),
        (4, "broken_line"),
        (5, ""),
    ]


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    body = "".join(f"{n},ok\n" for n in range(1000))
    rows = csv_of(tmp_path, f'a,b\n0,"open\n{body}')
    assert [fields["a"] for _, fields, problem in rows if not problem] == [str(n) for n in range(1000)]
    assert [problem for _, _, problem in rows if problem] == ["broken_line"]


def test_broken_rows_keep_their_text_and_line_number(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "rows.csv", b"a,b\n1,2\n3\n")
    broken = list(csv_rows(Document(str(path))))[1]
    assert (broken.number, broken.raw, broken.detail) == (3, "3\n", "line 3: 1 fields instead of 2")


def test_bytes_that_are_no_utf8_spoil_one_value(tmp_path: Path) -> None:
    assert csv_of(tmp_path, b"a,b\n1,caf\xe9\n2,x\n")[1][1] == {"a": "2", "b": "x"}


# --- JSON -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1}, {"id": 2}]',
        '\ufeff [\n {"id": 1}\n,\n {"id": 2} ]\n',
        '{"id": 1}\n{"id": 2}\n',
        '{"id": 1}\n\n{"id": 2}',
        '{"status_code": 1000, "data": [{"id": 1}, {"id": 2}], "timestamp": "x"}',
        '{\n "data": [\n {"id": 1}, {"id": 2}]}',
    ],
)
def test_every_shape_of_a_list(tmp_path: Path, text: str) -> None:
    assert json_of(tmp_path, text) == [{"id": 1}, {"id": 2}]
    assert json_of(tmp_path, text, "rows.json.gz") == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("text", ['{"id": 1}', '{\n  "id": 1\n}\n', '{"data": {"id": 1}}'])
def test_one_object(tmp_path: Path, text: str) -> None:
    assert json_of(tmp_path, text) == [{"id": 1}]


def test_a_broken_line_of_many(tmp_path: Path) -> None:
    assert json_of(tmp_path, '{"id": 1}\n{"id": \n7\n{"id": 2}\n') == [
        {"id": 1},
        "broken_line",
        "broken_line",
        {"id": 2},
    ]
    assert json_of(tmp_path, '{"id": \n{"id": 2}\n') == ["broken_line", {"id": 2}]


def test_elements_that_are_no_objects(tmp_path: Path) -> None:
    assert json_of(tmp_path, '[{"id": 1}, 7, null]') == [{"id": 1}, "broken_line", "broken_line"]


def test_an_array_that_breaks_off_is_not_a_finished_list(tmp_path: Path) -> None:
    rows = json_rows(Document(str(write_bytes(tmp_path / "rows.json", b'[{"id": 1},\n {"id": 2}, {"id'))))
    assert [next(rows).fields, next(rows).fields] == [{"id": 1}, {"id": 2}]
    with pytest.raises(SupplierUnavailable, match="broken after object 2"):
        next(rows)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "<html></html>", "[" * 100_000])
def test_what_is_no_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoRows):
        json_of(tmp_path, text)


def test_values_across_the_edges_of_chunks() -> None:
    values = [{"id": n, "text": "é" * n, "list": [n, [n]]} for n in range(30)]
    assert list(jsonstream.values(io.StringIO(json.dumps(values)), chunk_chars=3)) == values
    scanner = jsonstream.JsonScanner(io.StringIO("[123456, 7]"), chunk_chars=3)
    assert list(scanner.elements()) == [123456, 7]


# --- bounds -----------------------------------------------------------------------------------------------


def test_a_gzip_file_that_is_cut_off(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f'{{"id": {n}}}\n' for n in range(100_000)).encode())
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SupplierUnavailable, match="cannot be unpacked"):
        list(json_rows(Document(str(path))))


def test_a_file_that_unpacks_into_too_much(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "bomb.csv.gz", b"a,b\n" + b"1,2\n" * 200_000)
    with pytest.raises(SupplierUnavailable, match="larger than we take"):
        list(csv_rows(Document(str(path), limits=QUICK)))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no_such_file"):
        Document(str(tmp_path / "nothing.csv"))


def test_progress_counts_all_passes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = write_bytes(tmp_path / "rows.csv.gz", b"a,b\n" + b"1,2\n" * 50_000)
    document = Document(str(path), progress=lambda done, total: told.append((done, total)))
    document.passes = 2
    for _ in range(2):
        assert sum(1 for _ in csv_rows(document)) == 50_000
    size = path.stat().st_size
    assert {total for _, total in told} == {2 * size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 2 * size


def test_the_day_in_a_name(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "stations_idf_2022-12-05.csv", b"a\n")
    dated = Document(str(path)).dated
    assert dated is not None
    assert dated.isoformat() == "2022-12-05T00:00:00+00:00"
    assert Document(str(write_bytes(tmp_path / "of_2022-13-45.csv", b"a\n"))).dated is None


# --- addresses --------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def fetched(url: str) -> list[dict[str, object]]:
    return [row.fields for row in json_rows(Document(url, limits=QUICK))]


def test_an_address_is_fetched_once(server: Server) -> None:
    server.answers["/rows.jsonl.gz"] = body(gzip.compress(b'{"id": 1}\n{"id": 2}\n'))
    document = Document(f"{server.url}/rows.jsonl.gz", limits=QUICK)
    assert [row.fields for row in json_rows(document)] == [{"id": 1}, {"id": 2}]
    assert [row.fields for row in json_rows(document)] == [{"id": 1}, {"id": 2}]
    assert len(server.asked) == 1
    assert server.asked[0][1]["user-agent"].startswith("Kilowatch/")


def test_redirects_stay_on_http(server: Server) -> None:
    server.answers["/here"] = redirect("/there")
    server.answers["/there"] = body(b'[{"id": 1}]')
    assert fetched(f"{server.url}/here") == [{"id": 1}]
    for elsewhere in ("file:///etc/passwd", "ftp://127.0.0.1/x", ""):
        server.answers["/here"] = redirect(elsewhere)
        with pytest.raises(SupplierUnavailable, match="not followed"):
            fetched(f"{server.url}/here")


def test_redirects_end(server: Server) -> None:
    server.answers["/here"] = redirect("/here")
    with pytest.raises(SupplierUnavailable, match="not followed"):
        fetched(f"{server.url}/here")


def test_errors_do_not_show_the_query(server: Server) -> None:
    server.answers["/rows"] = lambda request: request.send_error(503)
    with pytest.raises(SupplierUnavailable, match="HTTP 503") as error:
        fetched(f"{server.url}/rows?key=secret")
    assert "secret" not in str(error.value)
    with pytest.raises(SupplierUnavailable) as refused:
        fetched("http://127.0.0.1:1/rows?key=secret")
    assert "secret" not in str(refused.value)


def test_too_many_bytes_are_not_taken(server: Server) -> None:
    server.answers["/told"] = body(b"x" * 300_000)
    with pytest.raises(SupplierUnavailable, match="more than we take"):
        fetched(f"{server.url}/told")

    def endless(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"x" * 300_000)

    server.answers["/untold"] = endless
    with pytest.raises(SupplierUnavailable, match="more than 200000 bytes"):
        fetched(f"{server.url}/untold")


def test_a_body_that_breaks_off(server: Server) -> None:
    server.answers["/rows"] = body(b'[{"id": 1}]', Content_Length="5000")
    with pytest.raises(SupplierUnavailable):
        fetched(f"{server.url}/rows")


def test_a_slow_sender_meets_the_deadline(server: Server) -> None:
    done = threading.Event()

    def dribble(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not done.wait(0.05):
                request.wfile.write(b" ")
                request.wfile.flush()
        except OSError:
            pass

    server.answers["/rows"] = dribble
    started = time.monotonic()
    with pytest.raises(SupplierUnavailable, match="not finished after 1 s"):
        fetched(f"{server.url}/rows")
    done.set()
    assert time.monotonic() - started < 30
