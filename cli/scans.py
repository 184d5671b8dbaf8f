"""`scans …`: what drivers scanned and what was said of it, for whoever looks at a report of a false sticker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cli.base import commands, on_one_line, printable, with_settings
from core.errors import NotFound
from core.ports import Case, CaseKind, UnitOfWork
from core.scan import Scan

_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@commands.group(invoke_without_command=True)
@click.option("--reported", is_flag=True, help="Only those that a driver reported.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def scans(ctx: click.Context, reported: bool, limit: int, as_json: bool) -> None:
    """List scans of guns' codes, the newest first."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(_list, reported=reported, limit=limit, as_json=as_json)


@scans.command("list")
@click.option("--reported", is_flag=True, help="Only those that a driver reported.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@with_settings
def _list(bootstrap: Any, settings: Any, reported: bool, limit: int, as_json: bool) -> None:
    """The same list."""
    with bootstrap.open_database(settings).read() as unit:
        found = unit.scans.reported(limit) if reported else unit.scans.latest(limit)
        rows = [_summary(unit, one) for one in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        told = filter(None, (row["case"], row["words"] or row["text"]))
        why = ", ".join(row["reasons"]) or "-"
        line = f"{row['id']}  {row['at'][5:16]}  {row['state']:<13} {row['station'] or '-'}  {why}  {'  '.join(told)}"
        click.echo(on_one_line(line))
    if not rows:
        click.echo("No driver has reported a code." if reported else "Nothing was scanned.")


# An id may begin with "-", and with "-h".
@scans.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("scan_id")
@click.option("--photo", type=_NEW_FILE, help="Write the driver's photo to this new file.")
@click.option("--json", "as_json", is_flag=True)
@with_settings
def show(bootstrap: Any, settings: Any, scan_id: str, photo: Path | None, as_json: bool) -> None:
    """Everything about a scan, with the photo that a driver sent in with a report."""
    with bootstrap.open_database(settings).read() as unit:
        scan = unit.scans.get(scan_id)
        if scan is None:
            raise NotFound("no_such_scan")
        evidence = unit.scans.photo(scan_id)
        document = _summary(unit, scan) | _details(scan, unit.cases.about(CaseKind.STICKER, scan_id), evidence)
    if photo and evidence:
        try:
            with photo.open("xb") as file:
                file.write(evidence)
        except OSError as problem:
            raise click.FileError(str(photo), problem.strerror or "") from problem
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, value in document.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        if shown not in ("", None, 0):
            click.echo(printable(f"{name}: {shown}"))
    if photo:
        click.echo(f"written to {photo}" if evidence else "there is no photo")


def _summary(unit: UnitOfWork, scan: Scan) -> dict[str, Any]:
    """`words` and `text` are a stranger's."""
    station = next(iter(unit.catalogue.stations([scan.station_id])), None) if scan.station_id else None
    cases = unit.cases.about(CaseKind.STICKER, scan.id) if scan.reported_at else []
    return {
        "id": scan.id,
        "at": scan.at.isoformat(),
        "reported_at": scan.reported_at.isoformat() if scan.reported_at else None,
        "station": station.name if station else scan.station_id,
        "state": scan.state.value,
        "reasons": list(scan.reasons),
        "words": scan.report,
        "text": scan.text,
        "case": cases[0].id if cases else "",
    }


def _details(scan: Scan, cases: list[Case], evidence: bytes | None) -> dict[str, Any]:
    return {
        "user_id": scan.user_id,
        "source": scan.source.value,
        "problem": scan.problem,
        "operator_id": scan.ref.operator_id if scan.ref else "",
        "connector_id": scan.ref.connector_id if scan.ref else "",
        "station_id": scan.station_id,
        "supplier_id": scan.supplier_id,
        "choices": [f"{one.ref.operator_id}/{one.ref.connector_id}" for one in scan.choices],
        "tries": scan.tries,
        "passed_at": scan.passed_at.isoformat() if scan.passed_at else None,
        "quote_id": scan.quote_id,
        "photo_ref": scan.photo_ref,
        "photo_bytes": len(evidence or b""),
        "cases": [f"{one.id} ({one.decision or 'open'})" for one in cases],
    }
