"""`cases …`: what no rule could decide, for the people who run it; money that one of us moves by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from cli.base import NEGATIVE_NUMBERS, commands, on_one_line, printable, with_settings
from core.ports import CaseKind


def amount(text: str) -> Decimal:
    """A decimal number in major units, like 12.50. click tells the person what a ValueError says."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ValueError(text)
    return found


def decided_by(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that is written down with a name."""
    why = click.option("--why", required=True, help="For whoever looks at it later.")
    who = click.option("--who", required=True, help="Your name.")
    return who(why(command))


@commands.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.option("--all", "every", is_flag=True, help="Those that are decided too, the newest of them last.")
@click.pass_context
def cases(ctx: click.Context, as_json: bool, every: bool) -> None:
    """List what a person has to decide: reviews, disputes, orphans, payments, refunds, differences."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(_list, as_json=as_json, every=every)


@cases.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.option("--all", "every", is_flag=True, help="Those that are decided too, the newest of them last.")
@with_settings
def _list(bootstrap: Any, settings: Any, as_json: bool, every: bool) -> None:
    """The same list."""
    service = bootstrap.build_services(settings, stations=False).cases
    found = list(service.listed())
    if every:
        found += reversed(service.listed(decided=True))
    if as_json:
        click.echo(json.dumps([_case_document(one) for one in found], ensure_ascii=False, indent=2))
        return
    for one in found:
        state = f"{one.decision}, {one.who}" if one.decided_at else one.detail
        click.echo(on_one_line(f"{one.id}  {one.kind:<10} {one.opened_at:%m-%d %H:%M}  {one.subject}  {state}"))
    if not found:
        click.echo("Nothing waits for a decision.")


@cases.command()
@click.argument("case_id")
@click.option("--json", "as_json", is_flag=True)
@with_settings
def show(bootstrap: Any, settings: Any, case_id: str, as_json: bool) -> None:
    """Everything about a case: the session and its diary, the money that moved, the supplier's records."""
    file = bootstrap.build_services(settings, stations=False).cases.show(case_id)
    document = _file_document(file)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, value in document.items():
        if isinstance(value, list):
            click.echo(f"{name}:")
            for one in value:
                parts = (f"{_NAMED.get(part, '')}{text}" for part, text in one.items() if text not in ("", None))
                click.echo("  " + printable("  ".join(parts)))
        elif isinstance(value, dict):
            click.echo(printable(f"{name}: " + ", ".join(f"{part} {text}" for part, text in value.items() if text)))
        elif value:
            click.echo(printable(f"{name}: {value}"))


@cases.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("case_id")
@click.argument("decision")
@click.option("--amount", type=amount, help="In major units of the case's own currency, like 12.50.")
@click.option("--session", "session_id", default="", help="attach: to this one.")
@click.option("--user", "user_id", default="", help="book: whose payment it is, where nobody knows.")
@click.option("--transaction", default="", help="The provider's own number.")
@click.option("--keep-open", is_flag=True, help="More will be decided in this case.")
@decided_by
@with_settings
def decide(bootstrap: Any, settings: Any, case_id: str, decision: str, **wish: Any) -> None:
    """Decide a case, once. Which DECISION is possible hangs on its kind:

    \b
    review, dispute   accept  reject  gift  driver-pays  supplier-at-fault
    orphan            attach  book  reject
    topup             book  reject
    refund            done  refused
    any               noted
    """
    from core.services.cases import Decision, Wish

    if decision not in {one.value for one in Decision}:
        raise click.BadParameter(f"say one of: {', '.join(Decision)}", param_hint="DECISION")
    service = bootstrap.build_services(settings, stations=False).cases
    decided = service.decide(case_id, Wish(Decision(decision), **wish))
    click.echo(f"{decided.id} {'is closed' if decided.decided_at else 'stays open'}: {decided.decision}")


@cases.command("open")
@click.argument("session_id")
@decided_by
@with_settings
def open_(bootstrap: Any, settings: Any, session_id: str, who: str, why: str) -> None:
    """Open a dispute about a charge, when a driver does not agree with it. WHY is what they say."""
    case = bootstrap.build_services(settings, stations=False).cases.dispute(session_id, f"{why} ({who})")
    click.echo(f"{case.id} waits for a decision: {case.detail}")


# --- money by hand --------------------------------------------------------------------------------------------


@cases.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("supplier")
@click.argument("amount", type=amount)
@click.option("--currency", default="CNY", show_default=True)
@click.option("--batch", required=True, help="The number of the bank's order: it is booked once.")
@decided_by
@with_settings
def pay(
    bootstrap: Any, settings: Any, supplier: str, amount: Decimal, currency: str, batch: str, who: str, why: str
) -> None:
    """Write down that SUPPLIER was paid from our bank: AMOUNT of what we owe (posting 16)."""
    service = bootstrap.build_services(settings, stations=False).cases
    click.echo(service.pay_supplier(supplier, batch, amount, currency, who, why).decision)


@cases.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("channel")
@click.argument("amount", type=amount)
@click.option("--currency", default="CNY", show_default=True)
@click.option("--reference", required=True, help="The provider's number of the payout: it is booked once.")
@decided_by
@with_settings
def received(
    bootstrap: Any, settings: Any, channel: str, amount: Decimal, currency: str, reference: str, who: str, why: str
) -> None:
    """Write down that the payment provider CHANNEL has paid AMOUNT to our bank (posting 15)."""
    service = bootstrap.build_services(settings, stations=False).cases
    click.echo(service.received(channel, reference, amount, currency, who, why).decision)


@cases.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("topup")
@click.option("--amount", type=amount, help="[default: all that is left of it]")
@click.option("--reference", required=True, help="The provider's number: it is booked once.")
@decided_by
@with_settings
def chargeback(
    bootstrap: Any, settings: Any, topup: str, amount: Decimal | None, reference: str, who: str, why: str
) -> None:
    """Write down that a card holder took the payment of TOPUP back (posting 17)."""
    service = bootstrap.build_services(settings, stations=False).cases
    click.echo(service.charge_back(topup, reference, amount, who, why).decision)


# --- as text --------------------------------------------------------------------------------------------------


_NAMED = {"driver": "the driver pays ", "ours": "we bear "}


def _money(amount: Any) -> str:
    return f"{amount.decimal} {amount.currency}" if amount is not None else ""


def _at(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else ""


def _case_document(one: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "subject": one.subject,
        "session_id": one.session_id,
        "user_id": one.user_id,
        "detail": one.detail,
        "opened_at": one.opened_at.isoformat(),
        "decision": one.decision,
        "who": one.who,
        "why": one.why,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
    }


def _file_document(file: Any) -> dict[str, Any]:
    document = _case_document(file.case)
    if file.case.kind is CaseKind.STICKER:
        document["scan"] = file.case.subject
    if (session := file.session) is not None:
        quote = session.quote
        document["session"] = {
            "state": session.state.value,
            "number": session.start_seq,
            "station": quote.station_name,
            "gun": quote.gun_label,
            "energy_kwh": "" if session.energy_kwh is None else f"{session.energy_kwh:f}",
            "charged": _money(session.charged),
        }
        document["quote"] = {
            "price_per_kwh": str(quote.price_per_kwh),
            "for_kwh": str(quote.energy_kwh),
            "expected": _money(quote.expected),
            "hold": _money(quote.hold),
            "tariff": quote.tariff_id,
        }
    if file.hold is not None:
        held = {"amount": file.hold.amount, "captured": file.hold.captured, "released": file.hold.released}
        document["hold"] = {name: _money(amount) for name, amount in held.items()}
    document["diary"] = [_event_document(one) for one in file.diary]
    document["transfers"] = [_transfer_document(one) for one in file.transfers]
    document["records"] = [_record_document(record, booking) for record, booking in file.records]
    if (topup := file.topup) is not None:
        document["topup"] = {"state": topup.state.value, "amount": _money(topup.amount), "of": topup.channel,
                             "transaction": topup.psp_transaction, "detail": topup.detail}  # fmt: skip
    if (refund := file.refund) is not None:
        document["refund"] = {"state": refund.state.value, "amount": _money(refund.amount), "of": refund.topup_id,
                              "due": _at(refund.due_at), "detail": refund.detail}  # fmt: skip
    return document


def _event_document(one: Any) -> dict[str, Any]:
    moved = f"{one.moved_from} → {one.moved_to}" if one.moved_to else f"{one.moved_from}: nothing changed"
    return {"at": _at(one.at), "event": one.event.value, "moved": moved, "detail": one.detail}


def _transfer_document(one: Any) -> dict[str, Any]:
    move = one.transfer
    return {
        "at": _at(one.booked_at),
        "id": move.id,
        "amount": _money(move.amount),
        "moved": f"{move.debit.id} → {move.credit.id}",
    }


def _record_document(record: Any, booking: Any) -> dict[str, Any]:
    return {
        "record": record.record_id,
        "ended": _at(record.ended_at),
        "energy": f"{record.energy_kwh:f} kWh",
        "total": f"{record.total_cost:f} {record.currency}",
        "state": booking.state.value if booking else "not booked",
        "driver": _money(booking.from_user) if booking else "",
        "ours": _money(booking.borne) if booking else "",
    }
