"""`supplier …`, `ocpi …`: whom we are connected with."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.base import commands, width, with_settings


@commands.group()
def supplier() -> None:
    """How the suppliers do, and whether their word is taken."""


def _steward(bootstrap: Any, settings: Any) -> Any:
    from core.clock import SystemClock
    from core.services.steward import Steward

    return Steward(bootstrap.open_database(settings), SystemClock())


@supplier.command("list")
@click.option("--json", "as_json", is_flag=True)
@with_settings
def list_suppliers(bootstrap: Any, settings: Any, as_json: bool) -> None:
    """State, stations, guns, how long ago each kind of pull went well, the last error, and why one is frozen."""
    rows = _steward(bootstrap, settings).suppliers()
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(f"{row.supplier_id}  {row.name}  {row.state}  {row.stations} stations, {row.guns} guns")
        if row.ages:
            ages = (f"{asked} {_age(age.total_seconds())} ago" for asked, age in row.ages.items())
            click.echo(f"    {', '.join(ages)}")
        if row.freeze:
            since = row.freeze.frozen_at.strftime("%Y-%m-%d %H:%M")
            click.echo(f"    frozen by {row.freeze.who} at {since}: {row.freeze.reason}")
        if row.last_error:
            click.echo(f"    {row.last_error_at:%Y-%m-%d %H:%M} {row.last_error}"[: width()])
    if not rows:
        click.echo("No supplier has been heard of yet.")


def _age(seconds: float) -> str:
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


@supplier.command()
@click.argument("supplier_id")
@click.option("--why", required=True, help="For whoever looks at it later.")
@click.option("--who", envvar="USER", default="somebody", help="Your name.  [default: of this account]")
@with_settings
def freeze(bootstrap: Any, settings: Any, supplier_id: str, why: str, who: str) -> None:
    """Take nothing more from SUPPLIER_ID: what we hold of it stays as it is."""
    done = _steward(bootstrap, settings).freeze(supplier_id, why, who)
    click.echo(f"{supplier_id} is frozen." if done else f"{supplier_id} was frozen already; the first reason stands.")


@supplier.command()
@click.argument("supplier_id")
@click.option("--who", envvar="USER", default="somebody", help="Your name.  [default: of this account]")
@with_settings
def thaw(bootstrap: Any, settings: Any, supplier_id: str, who: str) -> None:
    """Take the word of SUPPLIER_ID again. Its next full list is believed, however it looks."""
    done = _steward(bootstrap, settings).thaw(supplier_id, who)
    click.echo(f"{supplier_id} is thawed; its next list is believed." if done else f"{supplier_id} is not frozen.")


@commands.group()
def ocpi() -> None:
    """Connect with OCPI partners: a rare act, done by hand."""


@ocpi.command()
@click.argument("supplier_id")
@click.option("--versions-url", required=True, help="The partner's versions address.")
@click.option("--token", help="The token the partner gave us. Without it: invite the partner to register with us.")
@click.option("--version", type=click.Choice(["2.1.1", "2.2.1", "2.3.0"]), help="Of OCPI.  [default: the best]")
@click.option("--our-url", help="Where the partner reaches us.  [default: PUBLIC_URL]")
@with_settings
def register(
    bootstrap: Any,
    settings: Any,
    supplier_id: str,
    versions_url: str,
    token: str | None,
    version: str | None,
    our_url: str | None,
) -> None:
    """Exchange tokens with a partner of the suppliers file. It calls us meanwhile, so the web must be running."""
    handshake = _handshake(bootstrap, settings, supplier_id, our_url)
    if token is None:
        invitation = handshake.invite(versions_url)
        click.echo(f"{handshake.config.name} registers at {handshake.our_versions} with this token:\n{invitation}")
        return
    found = handshake.register(versions_url, token, version)
    parties = ", ".join(one.key for one in found.parties)
    modules = ", ".join(sorted({one.module for one in found.endpoints}))
    click.echo(f"Registered with {handshake.config.name} ({parties}), OCPI {found.version}: {modules}")


@ocpi.command()
@click.argument("supplier_id")
@with_settings
def rotate(bootstrap: Any, settings: Any, supplier_id: str) -> None:
    """New tokens in both directions; the old ones end with it."""
    handshake = _handshake(bootstrap, settings, supplier_id, None)
    handshake.rotate()
    click.echo(f"{handshake.config.name} and we have new tokens.")


@ocpi.command()
@click.argument("supplier_id")
@with_settings
def unregister(bootstrap: Any, settings: Any, supplier_id: str) -> None:
    """End the connection; what the partner told us of its stations stays until it is old."""
    handshake = _handshake(bootstrap, settings, supplier_id, None)
    said = handshake.unregister()
    click.echo(f"{handshake.config.name} {said}; the tokens of both sides are gone here.")


@ocpi.command()
@with_settings
def reseal(bootstrap: Any, settings: Any) -> None:
    """After SECRET_KEY was changed: encrypt the partners' tokens with the new one."""
    from adapters.ocpi.sealed import Unreadable
    from core.clock import SystemClock

    house = bootstrap.ocpi_house(settings, bootstrap.open_database(settings), SystemClock())
    for supplier_id in bootstrap.ocpi_partners(settings):
        try:
            anew = house.partners.reseal(supplier_id)
        except Unreadable as error:
            raise click.ClickException(f"{supplier_id}: {error}") from None
        click.echo(f"{supplier_id}: {'encrypted anew' if anew else 'needs nothing'}")


def _handshake(bootstrap: Any, settings: Any, supplier_id: str, our_url: str | None) -> Any:
    from adapters.ocpi.handshake import Handshake
    from core.clock import SystemClock

    partners = bootstrap.ocpi_partners(settings)
    if supplier_id not in partners:
        named = ", ".join(partners) or "none"
        raise click.ClickException(f"no OCPI supplier {supplier_id} in the suppliers file; there are: {named}")
    database = bootstrap.open_database(settings)
    handshake = Handshake(
        partners[supplier_id], bootstrap.ocpi_house(settings, database, SystemClock()), our_url or ""
    )
    if not (our_url or settings.public_url or handshake.is_known):
        raise click.ClickException("the partner must reach us: set PUBLIC_URL, or say --our-url")
    return handshake
