"""`make bench`: every benchmark, one after the other. Each prints ratios against peers measured in the same run."""

from __future__ import annotations

import subprocess
import sys

PROGRAMS = (
    ["bench.search", "--n", "20000"],
    ["bench.search", "--n", "100000"],
    ["bench.ocpi", "--n", "100000"],
    ["bench.qr"],
    ["bench.sessions", "--n", "300"],
    ["bench.recommend"],
    ["bench.alerts", "--watches", "100000", "1000000"],
    ["bench.alert_rows", "--watches", "100000"],  # a million takes some minutes more: python -m bench.alert_rows
    ["bench.boundaries", "--series", "5000"],  # fifty thousand take some minutes: python -m bench.boundaries
)


def main() -> None:
    failed = False
    for program in PROGRAMS:
        print(f"== {' '.join(program)}", flush=True)
        failed = subprocess.run([sys.executable, "-m", *program], check=False).returncode != 0 or failed
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
