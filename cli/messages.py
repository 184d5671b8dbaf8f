"""`outbox …`, `inbox …`: what could not be said or done, and what could not be understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from cli.base import commands, width, with_settings


def _decided_by(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every decision: it is written down with the row."""
    why = click.option("--why", required=True, help="For whoever looks at it later.")
    who = click.option("--who", envvar="USER", default="somebody", help="Your name.  [default: of this account]")
    return why(who(command))


# --- outbox -------------------------------------------------------------------------------------------------


@commands.group(invoke_without_command=True)
@click.pass_context
def outbox(context: click.Context) -> None:
    """What could not be said or done: dead rows, and uncertain ones that may have arrived."""
    if context.invoked_subcommand is None:
        context.invoke(list_outbox, limit=50, as_json=False)


@outbox.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True)
@with_settings
def list_outbox(bootstrap: Any, settings: Any, limit: int, as_json: bool) -> None:
    """Dead and uncertain rows, newest first, and channels that rest."""
    service = bootstrap.outbox(settings)
    rows, pauses, counts = service.ended_badly(limit), service.pauses(), service.counts()
    if as_json:
        document = {
            "rows": [_row_document(row) for row in rows],
            "pauses": {channel: until.isoformat() for channel, until in pauses.items()},
            "counts": [{"class": klass, "state": state, "rows": n} for (klass, state), n in sorted(counts.items())],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for row in rows:
        when = row.created_at.strftime("%Y-%m-%d %H:%M")
        way = f" over {row.channel}" if row.channel else ""
        click.echo(f"{row.id}  {row.state}  {row.klass} {row.kind} {row.subject}{way}  {when}, tried {row.attempts}×")
        click.echo(f"    {row.error}"[: width()])
    for channel, until in pauses.items():
        click.echo(f"{channel} rests until {until:%Y-%m-%d %H:%M} UTC, as it asked for or did not answer")
    if not rows:
        click.echo("Nothing in the outbox is dead or uncertain.")


def _row_document(row: Any) -> dict[str, Any]:
    """Without address and body: an id is enough to decide, and to look further."""
    return {
        "id": row.id,
        "state": row.state.value,
        "class": row.klass.value,
        "kind": row.kind,
        "subject": row.subject,
        "channel": row.channel,
        "user_id": row.user_id,
        "attempts": row.attempts,
        "created_at": row.created_at.isoformat(),
        "error": row.error,
    }


@outbox.command()
@click.argument("row_id", type=int)
@_decided_by
@with_settings
def retry(bootstrap: Any, settings: Any, row_id: int, why: str, who: str) -> None:
    """Try row ROW_ID anew, from the first attempt."""
    if not bootstrap.outbox(settings).retry(row_id, who, why):
        raise click.ClickException(f"{row_id} is neither dead nor uncertain")
    click.echo(f"{row_id} is tried again.")


@outbox.command()
@click.argument("row_id", type=int)
@_decided_by
@with_settings
def drop(bootstrap: Any, settings: Any, row_id: int, why: str, who: str) -> None:
    """Close row ROW_ID: it need not be said or done any more."""
    if not bootstrap.outbox(settings).drop(row_id, who, why):
        raise click.ClickException(f"{row_id} is neither dead nor uncertain")
    click.echo(f"{row_id} is closed.")


# --- inbox --------------------------------------------------------------------------------------------------


@commands.group(invoke_without_command=True)
@click.pass_context
def inbox(context: click.Context) -> None:
    """What platforms told us and we could not work off in five tries."""
    if context.invoked_subcommand is None:
        context.invoke(list_inbox, limit=50, as_json=False)


@inbox.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True)
@with_settings
def list_inbox(bootstrap: Any, settings: Any, limit: int, as_json: bool) -> None:
    """Dead messages, newest first. What they said is not shown; it is forgotten after two days."""
    rows = bootstrap.inbox(settings).dead(limit)
    if as_json:
        shown = ("id", "source", "attempts", "error")
        documents = [
            {name: getattr(row, name) for name in shown} | {"received_at": row.received_at.isoformat()}
            for row in rows
        ]
        click.echo(json.dumps(documents, ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(f"{row.id}  {row.source}  {row.received_at:%Y-%m-%d %H:%M}  tried {row.attempts}×")
        click.echo(f"    {row.error}"[: width()])
    if not rows:
        click.echo("Nothing in the inbox is dead.")


@inbox.command("retry")
@click.argument("message_id", type=int)
@with_settings
def retry_inbox(bootstrap: Any, settings: Any, message_id: int) -> None:
    """Work message MESSAGE_ID off anew, while we still know what it said."""
    if not bootstrap.inbox(settings).again(message_id):
        raise click.ClickException(f"{message_id} is not dead, or too old to be known")
    click.echo(f"{message_id} is worked off again.")
