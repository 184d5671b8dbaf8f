"""`bill`: a charge record made again from its tariff."""

from __future__ import annotations

import json

import click

from cli.base import commands


@commands.command("bill")
@click.argument("tariff")
@click.argument("cdr")
@click.option("--tz", "zone", help="Time zone of the station.  [default: where the record says it lies]")
@click.option("--version", type=click.Choice(["2.1.1", "2.2.1", "2.3.0"]), help="Of OCPI.  [default: told by shape]")
@click.option("--json", "as_json", is_flag=True, help="Exact decimals as text; null where it is not known.")
def bill_(tariff: str, cdr: str, zone: str | None, version: str | None, as_json: bool) -> None:
    """Make an OCPI charge record again from its tariff and compare. TARIFF may be - for the one in the record.

    The difference is what the record asks beyond the tariff.
    """
    from adapters.ocpi.bills import recomputed

    found = recomputed(tariff, cdr, zone=zone, version=version)
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.to_text())
