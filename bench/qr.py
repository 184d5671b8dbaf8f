"""How many photographed QR codes are read and what that costs, beside pyzbar alone and zxing-cpp alone, in one run.

    python -m bench.qr [--data DIR] [--json]

DIR holds pictures and truth.json (file → subset and expected texts). The cascade was tuned on one half of the
pictures, told by a hash of the name; both halves are reported. CPU time counts file decoding and, for ours, this
process and the worker together; all processes are warm, and the three take turns picture by picture.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import zxingcpp
from PIL import Image

from adapters.qr.pool import Pool

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "qr"
# What a messenger delivers; the same for the peers.
CAP_PX = 1600
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant made of one picture."""

    subset: str
    tuned: bool
    expected: frozenset[str]
    got: frozenset[str]
    cpu_ms: float
    failed: bool

    @property
    def read(self) -> bool:
        return bool(self.expected & self.got)

    @property
    def wrong(self) -> bool:
        """A text nobody expects, where none or no other is right. (A group photo may hold codes nobody listed.)"""
        return bool(self.got) and not self.read


def one_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n")


def grey(image: bytes) -> Image.Image:
    """As a careful user of either library would open it."""
    picture: Image.Image = Image.open(BytesIO(image))
    if picture.mode in ("RGBA", "LA", "P"):
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture)
        picture = paper
    picture = picture.convert("L")
    picture.thumbnail((CAP_PX, CAP_PX))
    return picture


def pyzbar_alone() -> Callable[[bytes], Iterable[str]] | None:
    try:
        from pyzbar import pyzbar
    except ImportError:
        return None

    def read(image: bytes) -> list[str]:
        found = pyzbar.decode(grey(image), symbols=[pyzbar.ZBarSymbol.QRCODE])
        return [symbol.data.decode("utf-8") for symbol in found]

    return read


def zxing_alone(image: bytes) -> list[str]:
    wanted = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(grey(image), formats=wanted, text_mode=zxingcpp.TextMode.Plain)
    return [code.text for code in found]


def process_cpu_s(pid: int) -> float:
    """CPU time of another process: Linux has a clock for each, numbered by its pid (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


def measure(data: Path, every: int = 1) -> dict[str, list[Result]]:
    """Each picture (or one in `every`) before each contestant."""
    truth: dict[str, Any] = json.loads((data / "truth.json").read_text(encoding="utf-8"))
    pool = Pool(size=1)
    contestants: dict[str, Callable[[bytes], Iterable[str]]] = {"ours": pool.read, "zxing": zxing_alone}
    if (zbar := pyzbar_alone()) is not None:
        contestants["pyzbar"] = zbar
    names = sorted(truth)[::every]
    for name in names[:: max(1, len(names) // WARM_UP)]:
        for contestant in contestants.values():
            contestant((data / name).read_bytes())
    pids = pool.pids()
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    for name in names:
        image = (data / name).read_bytes()
        for who, contestant in contestants.items():
            watched = pids if who == "ours" else []
            start = time.process_time() + sum(map(process_cpu_s, watched))
            try:
                got, failed = list(contestant(image)), False
            except Exception:  # noqa: BLE001  any exception at all is what is counted here
                got, failed = [], True
            cpu_s = time.process_time() + sum(map(process_cpu_s, watched)) - start
            results[who].append(
                Result(
                    subset=truth[name]["subset"],
                    tuned=hashlib.sha256(name.encode()).digest()[0] % 2 == 0,
                    expected=frozenset(map(one_line_ends, truth[name]["texts"])),
                    got=frozenset(map(one_line_ends, got)),
                    cpu_ms=cpu_s * 1000,
                    failed=failed,
                )
            )
    pool.close()
    return results


def figures(results: list[Result]) -> dict[str, float]:
    with_code = [one for one in results if one.expected]
    times = sorted(one.cpu_ms for one in results)
    return {
        "pictures": len(results),
        "with_code": len(with_code),
        "read": sum(one.read for one in with_code),
        "rate": round(100 * sum(one.read for one in with_code) / max(1, len(with_code)), 1),
        "codes": sum(len(one.expected & one.got) for one in results),
        "wrong": sum(one.wrong for one in results),
        "exceptions": sum(one.failed for one in results),
        "cpu_ms_median": round(statistics.median(times), 1),
        "cpu_ms_p95": round(times[min(len(times) - 1, int(0.95 * len(times)))], 1),
        "cpu_ms_mean": round(statistics.mean(times), 1),
    }


def tables(results: dict[str, list[Result]]) -> dict[str, dict[str, dict[str, float]]]:
    """Group of pictures → contestant → figures."""
    groups: dict[str, Callable[[Result], bool]] = {"all": lambda one: True}
    groups["tuned on"] = lambda one: one.tuned
    groups["held back"] = lambda one: not one.tuned
    for subset in sorted({one.subset for one in results["ours"]}):
        groups[subset] = lambda one, subset=subset: one.subset == subset  # type: ignore[misc]  # its default is bound here
    return {
        group: {who: figures([one for one in rows if belongs(one)]) for who, rows in results.items()}
        for group, belongs in groups.items()
    }


def show(table: dict[str, dict[str, dict[str, float]]]) -> None:
    whos = list(table["all"])
    print(f"{'':22}{'n':>5}" + "".join(f"{who:>32}" for who in whos))
    print(f"{'':27}" + "".join(f"{'% read   median    p95   mean':>32}" for _ in whos))
    for group, by_who in table.items():
        cells = [
            f"{one['rate']:>10}{one['cpu_ms_median']:>9}{one['cpu_ms_p95']:>7}{one['cpu_ms_mean']:>6}"
            for one in by_who.values()
        ]
        print(f"{group:22}{by_who['ours']['pictures']:>5}" + "".join(cells))
    for what in ("codes", "wrong", "exceptions"):
        print(f"{what:>22}     " + "".join(f"{by_who[what]:>32}" for by_who in table["all"].values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not (given.data / "truth.json").exists():
        print(f"skipped: no pictures in {given.data}", file=sys.stderr)
        return
    results = measure(given.data)
    table = tables(results)
    ratio = None
    if "pyzbar" in results:
        ratio = round(table["all"]["ours"]["cpu_ms_mean"] / table["all"]["pyzbar"]["cpu_ms_mean"], 2)
    else:
        print("pyzbar is skipped: libzbar0 is not installed", file=sys.stderr)
    if given.json:
        print(json.dumps({"cpu_mean_to_pyzbar": ratio, "groups": table}, ensure_ascii=False))
        return
    show(table)
    print(f"mean CPU is {ratio} times that of pyzbar")


if __name__ == "__main__":
    main()
