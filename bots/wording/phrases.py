"""What we say about a station, an offer or a mistake, as plain sentences for every chat and the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from bots.wording import N_, Wording
from core.errors import UserError
from core.money import Money
from core.ranking import Offer, ReasonKind
from core.services.finder import Found
from core.station import PRICE_FRESH_FOR, Connector, ConnectorStatus, Facility, NoPrice, Plug
from core.tariff import Part, Quote
from core.wishes import Mode, Sort

PLUGS = {
    Plug.GBT_DC: N_("GB/T DC"),
    Plug.GBT_AC: N_("GB/T AC"),
    Plug.CCS2: "CCS2",
    Plug.CCS1: "CCS1",
    Plug.CHADEMO: "CHAdeMO",
    Plug.NACS: "NACS",
    Plug.TYPE2: "Type 2",
    Plug.TYPE1: "Type 1",
    Plug.TYPE3: "Type 3",
    Plug.DOMESTIC: N_("household socket"),
    Plug.INDUSTRIAL: N_("industrial socket"),
    Plug.WIRELESS: N_("wireless"),
    Plug.OTHER: N_("other plug"),
    Plug.UNKNOWN: N_("plug not stated"),
}
STATUSES = {
    ConnectorStatus.FREE: N_("free"),
    ConnectorStatus.OCCUPIED: N_("occupied"),
    ConnectorStatus.CHARGING: N_("charging"),
    ConnectorStatus.RESERVED: N_("reserved"),
    ConnectorStatus.FAULT: N_("out of order"),
    ConnectorStatus.OFFLINE: N_("offline"),
    ConnectorStatus.UNKNOWN: N_("state unknown"),
}
FACILITIES = {
    Facility.TOILET: N_("toilet"),
    Facility.FOOD: N_("food"),
    Facility.SHOP: N_("shop"),
    Facility.LOUNGE: N_("lounge"),
    Facility.CANOPY: N_("canopy"),
    Facility.WIFI: N_("Wi-Fi"),
    Facility.CAR_WASH: N_("car wash"),
    Facility.ACCESSIBLE: N_("accessible bay"),
}
MODES = {Mode.CHEAP: N_("Cheap"), Mode.BALANCED: N_("Balanced"), Mode.HURRY: N_("In a hurry")}
SORTS = {
    Sort.RECOMMENDED: N_("Recommended"),
    Sort.PRICE: N_("Price"),
    Sort.DISTANCE: N_("Distance"),
    Sort.FREE: N_("Free guns"),
    Sort.POWER: N_("Power"),
}
SELLERS_SHOWN = 3
SELLER_MAX = 40
_PARTS = {
    Part.ENERGY: N_("energy {amount}"),
    Part.SERVICE: N_("service {amount}"),
    Part.TIME: N_("time {amount}"),
    Part.PARKING: N_("parking {amount}"),
    Part.SESSION: N_("start fee {amount}"),
    Part.RESERVATION: N_("reservation {amount}"),
    Part.LIMIT: N_("price limit {amount}"),
}
_NO_PRICE = {
    NoPrice.NOT_PUBLISHED: N_("Price unknown: the operator does not publish it"),
    NoPrice.TEXT_ONLY: N_("Price only as text"),
    NoPrice.IMPLAUSIBLE: N_("Price unknown: the published one cannot be right"),
    NoPrice.NOT_COVERED: N_("Price unknown for this hour"),
    NoPrice.MEMBERS: N_("Price unknown without a membership"),
}
_REASONS = {
    ReasonKind.ONLY: N_("The only one that fits"),
    ReasonKind.BEST_AND_NEAREST: N_("The nearest, and nothing near is better in all"),
    ReasonKind.CHEAPER: N_("{saving} less than the nearest"),
    ReasonKind.FREE: N_("Has a free gun, the nearest has none"),
    ReasonKind.FASTER: N_("{minutes} min faster at the gun than the nearest"),
    ReasonKind.NEAREST: N_("The nearest"),
    ReasonKind.NEAREST_PRICED: N_("The nearest with a known price"),
    ReasonKind.CHEAPER_THAN_PRICED: N_("{saving} less than the nearest with a known price"),
    ReasonKind.NEAR: N_("Near you"),
    ReasonKind.PRICE_UNKNOWN: N_("Listed by distance and guns: the price is unknown"),
}
_ERRORS = {
    "bad_coordinates": N_("These coordinates are not on Earth. Send latitude, then longitude: 22.5410, 114.0580"),
    "swapped_coordinates": N_("Latitude and longitude look swapped. Send latitude first: {lng}, {lat}"),
    "bad_energy": N_("Choose between {least} and {most} kWh."),
    "bad_radius": N_("Choose a radius between {least} and {most} metres."),
    "watch_gone": N_("This watch is no longer there. Look at your list of watches."),
    "watch_limit": N_("You have {most} watches, which is the most. Stop one first."),
    "watch_gun_limit": N_("You wait for a free gun at {most} places, which is the most. Stop one first."),
    "no_price_here": N_("No price is published here, so none can be watched. You can wait for a free gun."),
    "bad_area": N_("Choose a circle of {least} m to {most} m."),
    "bad_way": N_(
        "A way needs two points at most 100 km apart, {width_least} to {width_most} m of width, weekdays and hours."
    ),
    "bad_watch": N_("We cannot watch for that. Choose one of the buttons, or a price that this place could have."),
    "bad_watch_amount": N_("I cannot use that. Type a price like 0.95, or 10 % for so much below the usual price."),
    "bad_watch_percent": N_("Choose between {least} % and {most} % below the usual price of the hour."),
    "other_currency": N_("The price here is in {currency}. Type the number alone."),
    "bad_page": N_("There is no such page. Start again from the first one."),
    "bad_value": N_("“{value}” is not possible for {name}. Try one of: {choices}"),
    "bad_request": N_("We could not read that. Check it and send it again."),
    "not_ready": N_("We are just starting. Try again in a few seconds."),
    "no_such_station": N_("This station is no longer listed. Search again to see what is there now."),
    "no_position": N_("Tell us where: send your position, or type a place."),
    "place_not_found": N_("We found no place called “{text}”. Add the town, or send your location."),
    "too_many_requests": N_("That was a bit fast. Try again in {retry_after_s} s."),
    "body_too_large": N_("That is too large for us. Send something smaller."),
    "old_button": N_("This list is too old. Send your location for a fresh one."),
    "unknown_kind": N_("There is no import called {kind}. Choose one of: {kinds}"),
    "no_such_file": N_("{path} cannot be read. Check the path."),
    "not_json": N_("{path} is not JSON. Check which file it is."),
    "bad_tariff": N_("The tariff in {path} cannot be used: {problem}."),
    "bad_charge_record": N_("The charge record in {path} cannot be computed: {problem}."),
    "bad_time_zone": N_("There is no time zone {zone}. Write it like Europe/Berlin."),
    "wrong_file": N_("This is not a file of the kind {kind}. Check which one it is."),
    "login_not_offered": N_("This way to log in is not offered here."),
    "login_refused": N_("We could not check who you are. Close this and open it again from the chat."),
    "login_too_old": N_("This login is too old. Close this and open it again from the chat."),
    "login_code_bad": N_("WeChat does not know this login. Open it again."),
    "login_code_used": N_("This login was used already. Open it again."),
    "login_blocked": N_("WeChat does not let you log in just now. Look into WeChat's safety centre."),
    "login_snapshot": N_("This page is only a preview. Tap “use the full service” below, then log in."),
    "login_silent": N_("WeChat does not answer. Try again in a minute."),
    "not_logged_in": N_("Log in first: open this from the chat."),
    "not_from_our_page": N_("This did not come from our page. Reload the page and try again."),
    "not_from_here": N_("This only works on the machine itself."),
    "bad_name": N_("Choose a name of 1 to 32 letters, digits, “-” or “_”."),
    "ticket_used": N_("This download was used already or is too old. Ask for a new one in the chat."),
    "link_code_unknown": N_("This code does not fit: wrong, too old or used. Ask for a new one in the other app."),
    "too_many_codes": N_("Too many wrong codes. Try again in an hour."),
    "already_linked": N_("Telegram and WeChat are linked already. Unlink first to link another one."),
    "link_to_yourself": N_("This is your own code. Enter it in the other app."),
    "link_same_side": N_("This code is for the other app: enter it there, not in another account of the same one."),
    "link_tied": N_("A charge or a refund is still open in one of the two accounts. Link them when it is settled."),
    "link_gone": N_("One of the two accounts is no longer there. Ask for a new code."),
    "not_linked": N_("Nothing is linked to this chat."),
    "delete_session": N_("A charge is still open. Stop it and wait for the bill; then the account can be deleted."),
    "delete_hold": N_("{amount} is held for a charge. Wait until it is settled; then the account can be deleted."),
    "delete_refund": N_("{amount} is on its way back to you. When it has arrived the account can be deleted."),
    "delete_topup": N_(
        "A payment of {amount} is not finished. Wait for it or let it expire; then the account can be deleted."
    ),
    "delete_money": N_(
        "There is still {amount} in your wallet. Take it back first; then the account can be deleted."
    ),
    "confirm_first": N_("This cannot be undone. Say that you mean it: confirm=delete."),
    "idempotency_key_missing": N_(
        "This moves money, so it needs an Idempotency-Key of 8 to 128 characters, one for each wish."
    ),
    "idempotency_conflict": N_("This Idempotency-Key was used for something else. Choose a new one."),
    "no_such_way_to_pay": N_("This way to pay is not offered here. Choose another one."),
    "currency_not_taken": N_("This way to pay does not take {currency}. Choose another one."),
    "bad_topup_amount": N_("Choose an amount between {least} and {most}."),
    "bad_amount": N_("Type an amount like 50 or 20.50."),
    "not_paid_yet": N_("Nothing has arrived yet. It can take a minute."),
    "pay_in_wechat": N_("Money is paid in with WeChat here: /link WeChat, then send “充值 50” to our account there."),
    "pay_in_telegram": N_("This is paid in our Telegram chat: send /topup there."),
    "payer_needed": N_("WeChat Pay needs your WeChat login. Open this from WeChat and try again."),
    "payment_not_ready": N_("The payment provider does not answer. Nothing was charged; try again in a minute."),
    "no_such_topup": N_("This payment is not known here. Start a new one."),
    "already_paid": N_("This is paid already. Look into your wallet."),
    "payment_in_review": N_("This payment does not fit its order. One of us looks at it; you need do nothing."),
    "topup_closed": N_("This payment has expired. Start a new one."),
    "no_such_refund": N_("This refund is not known here. Look into your wallet."),
    "nothing_to_refund": N_("There is nothing that could go back the way you paid."),
    "refund_too_much": N_("At most {most} can go back now. What is held for a charge has to wait for its bill."),
    "key_used_otherwise": N_("That was already used for something else. Begin again from the wallet."),
    "not_a_photo": N_("This is not a picture we can read. Send a photo of the code: JPEG, PNG or WebP."),
    "heic_photo": N_("We cannot read HEIC files. Send the picture as a photo, not as a file, or save it as JPEG."),
    "photo_too_big": N_("This picture is too large for us. Send it as a photo, not as a file."),
    "photo_unreadable": N_("This picture is damaged and cannot be opened. Take a new photo of the code."),
    "photo_not_fetched": N_("We could not fetch your photo. Send it again, or type the number on the gun."),
    "photos_waiting": N_("Many photos are being read just now. Send yours again in a few seconds."),
    "no_such_gun": N_("We do not know this gun. Check the number printed on it."),
    "cannot_start_here": N_("We cannot start this gun. Start it with its operator's own app."),
    "gun_out_of_order": N_("This gun is out of order. Try the one beside it."),
    "gun_busy": N_("This gun is in use. Wait, or try another one."),
    "no_price": N_("The price of this gun is not known, so we start nothing here. Try another one."),
    "price_too_old": N_("The price of this gun is being checked. Try again in a few seconds."),
    "no_such_quote": N_("This price is not known here. Ask for a new one."),
    "quote_expired": N_("This price has expired. Look at the new one and say yes again."),
    "you_are_charging": N_("You are charging already. Stop that charge first."),
    "starts_halted": N_("We check our books and start nothing new just now. Your money is safe; try again later."),
    "too_many_failed_starts": N_("Three starts failed. Wait ten minutes, or use another way to charge."),
    "not_authorised": N_("The payment is not confirmed yet. Confirm it, then start again."),
    "not_enough_money": N_("Your wallet is short of {missing}. Top up, then start again."),
    "charge_goes_on": N_("This charge has not ended yet. Tell us when it has."),
    "no_such_session": N_("This charge is not known here. Look into your charges."),
    "other_request_same_key": N_("That yes was for something else. Look at the price and say yes again."),
    "code_empty": N_("There is no code in this. Take the picture again, closer and straight on."),
    "code_too_long": N_(
        "This code is too long for a gun's. Scan the one on the gun, or type the number printed there."
    ),
    "code_payment": N_(
        "This code asks for a payment, it is not a gun's. Do not pay there; type the gun's number here."
    ),
    "code_short_link": N_(
        "This short link hides where it leads. Do not open it; type the number printed on the gun."
    ),
    "code_script": N_("This code would run something on your phone. Do not open it; type the gun's number here."),
    "code_operator_page": N_(
        "This page of the operator names no gun. Scan the code beside the gun, or type its number."
    ),
    "code_web_page": N_("This leads to {host}, which we do not know. Do not open it; type the gun's number here."),
    "code_wifi": N_("This is a code for Wi-Fi. Scan the one on the gun, or type the number printed there."),
    "code_contact": N_("This is somebody's address. Scan the code on the gun, or type the number printed there."),
    "code_phone": N_("This is a phone number. Scan the code on the gun, or type the number printed there."),
    "code_map_point": N_("This is a place on a map. Scan the code on the gun, or type the number printed there."),
    "code_contract_id": N_(
        "This is the number of a charging contract. Scan the code on the gun, or type its number."
    ),
    "code_link_code": N_("This code links two chats. Open it with Telegram or WeChat instead of scanning it here."),
    "code_json": N_("We cannot read this kind of code yet. Type the number printed on the gun."),
    "code_other_app": N_("This code is made for another app. Type the number printed on the gun."),
    "code_text": N_("This names no gun. Scan the code on the gun, or type the number printed there."),
    "scan_lookalike": N_(
        "{host} only looks like {official}: a false sticker? Do not open it; type the gun's number."
    ),
    "scan_disguised": N_("This code hides where it leads: a false sticker? Do not open it; type the gun's number."),
    "scan_disagrees": N_("The parts of this code do not belong together: a false sticker? Type the gun's number."),
    "scan_too_far": N_(
        "This code is of a gun at {station}, {km} km from you. Type the number of the gun beside you."
    ),
    "scan_two_cities": N_("You cannot have come that far since your last scan. Send your location and scan again."),
    "scan_ask_station": N_("Are you at {station}? Say yes only if that name is right."),
    "scan_ask_last_four": N_(
        "{station}: type the last four characters of the number on your gun, or send your location."
    ),
    "scan_ask_position": N_("{station}: send your location, so that we see that this gun stands beside you."),
    "scan_which_gun": N_("{station} has several guns with this code. Choose yours."),
    "scan_was_refused": N_("We refused this code. Scan the one on the gun again, or type the gun's number."),
    "scan_wrong_number": N_("That was the third wrong answer. Scan the code on the gun again."),
    "scan_answered": N_("That has been answered already. Scan the code again to begin anew."),
    "scan_too_old": N_("This scan is too old. Scan the code on the gun again."),
    "scan_open": N_("Answer the question about this gun first, or scan its code again."),
    "no_such_scan": N_("We do not know this scan. Scan the code on the gun."),
    "wrong_last_four": N_("That is not what stands on this gun. Look again; {left} tries are left."),
    "too_many_scans": N_("Too many codes in a short time. Wait a while, or ask at the station."),
    "too_many_cars": N_("That is more than {most} cars. Take one out first."),
    "bad_battery": N_("Say the battery in kWh, between {least} and {most}; what can be charged of it is not more."),
    "confirm_unlink": N_(
        "The other side will get an empty account; money and history stay here. Say that you mean it: confirm=unlink."
    ),
    "only_in_private": N_("Your account is nobody else's business: ask me that in our private chat."),
    "bad_quiet_hours": N_("Say the quiet hours like “quiet 22-8”, or “quiet off”."),
    "bad_car": N_("Say the car like “car CCS2 60”: its plug and its battery in kWh. Plugs: {plugs}"),
    "unknown": N_("Something went wrong on our side. Nothing is lost; try again in a minute."),
}


def error(say: Wording, problem: UserError) -> str:
    """The sentence for a mistake the person can put right."""
    message = _ERRORS.get(problem.code)
    params = {name: say.money(one) if isinstance(one, Money) else one for name, one in problem.params.items()}
    return say(message, **params) if message else trouble(say)


def trouble(say: Wording) -> str:
    """The sentence for what is our fault."""
    return say(_ERRORS["unknown"])


def plug(say: Wording, connector: Connector) -> str:
    return say(PLUGS[connector.plug])


# Billing in steps of a kWh or minute makes a total differ that much from price times energy.
_ROUNDED_AWAY = Decimal("0.01")


def power(say: Wording, connector: Connector) -> str:
    return say("{n} kW", n=say.number(connector.power_kw)) if connector.power_kw else say("power not stated")


def parts(say: Wording, quote: Quote) -> str:
    """The parts of a total: "energy ¥24.00 + service ¥9.00"; empty when there is only one."""
    currency = quote.total.currency
    if len(quote.parts) < 2:
        return ""
    return " + ".join(say(_PARTS[part], amount=say.price(amount, currency)) for part, amount in quote.parts.items())


def price(say: Wording, one: Offer, energy_kwh: Decimal) -> str:
    """What my charge costs here, or why nobody knows: "¥36.00 for 30 kWh (¥1.20/kWh)"."""
    if one.quote is None:
        reason = say(_NO_PRICE[one.no_price or NoPrice.NOT_PUBLISHED])
        return (
            say("{label}: {value}", label=reason, value=one.station.price_text) if one.station.price_text else reason
        )
    if one.quote.exact == 0:
        return say("Free of charge")
    text = _charge(say, one.quote, energy_kwh)
    if one.quote.price_per_kwh:
        unit = say("{price}/kWh", price=say.price(one.quote.price_per_kwh, one.currency))
        unit = at_first(say, unit, one.quote.parts, one.quote.price_per_kwh, energy_kwh)
        text = say("{text} ({detail})", text=text, detail=unit)
    return text


def at_first(
    say: Wording, unit: str, parts: Mapping[Part, Decimal], price_per_kwh: Decimal, energy_kwh: Decimal
) -> str:
    """The price of the first kWh, saying so where the others cost something else: multiplied it is not the total."""
    by_energy = sum((parts.get(part, Decimal(0)) for part in (Part.ENERGY, Part.SERVICE)), Decimal(0))
    changes = abs(by_energy - price_per_kwh * energy_kwh) > by_energy * _ROUNDED_AWAY
    return say("{unit} at first", unit=unit) if changes else unit


def _charge(say: Wording, quote: Quote, energy_kwh: Decimal) -> str:
    return say("{total} for {kwh} kWh", total=say.money(quote.total), kwh=say.number(energy_kwh))


def also_sold(say: Wording, one: Offer, energy_kwh: Decimal, sellers: Mapping[str, str]) -> list[str]:
    """What the other suppliers of this place take for my charge, a line each, the cheapest first.

    Who says no price sells nothing that could be compared, and is left out.
    """
    priced = [(each.quote, each.station.supplier_id) for each in one.also if each.quote is not None]
    lines = []
    for quote, supplier_id in sorted(priced, key=lambda each: (each[0].exact, each[1]))[:SELLERS_SHOWN]:
        name = sellers.get(supplier_id, supplier_id)
        name = name if len(name) <= SELLER_MAX else name[: SELLER_MAX - 1].rstrip() + "…"
        takes = _charge(say, quote, energy_kwh) if quote.exact else say("Free of charge")
        lines.append(say("Also sold by {name}: {price}", name=name, price=takes))
    return lines


def price_age(say: Wording, one: Offer, at: datetime) -> str:
    """Says so when the price is old; empty when it is fresh."""
    if one.quote is None or one.price_seen_at is None or at - one.price_seen_at <= PRICE_FRESH_FOR:
        return ""
    return say("price last seen {day}", day=say.day(one.price_seen_at, one.station.time_zone))


def next_change(say: Wording, one: Offer, at: datetime) -> str:
    """ "¥0.85/kWh from 22:00"; empty when the price stays."""
    if one.quote is None or one.quote.next_change is None:
        return ""
    change = one.quote.next_change
    unit = say("{price}/kWh", price=say.price(change.price_per_kwh, one.currency))
    when = say.clock(change.at, one.station.time_zone)
    if change.at - at > timedelta(hours=24):
        when = f"{say.day(change.at, one.station.time_zone)} {when}"
    return say("{price} from {time}", price=unit, time=when)


def guns(say: Wording, one: Offer, at: datetime) -> str:
    """How many guns are free, with the age of that knowledge when it is not new."""
    total, age = one.guns.total, one.guns.age(at)
    if one.guns.free is not None and age is not None:
        text = say("{free} of {total} free", free=one.guns.free, total=total)
        return say("{text} ({detail})", text=text, detail=say.age(age)) if age >= timedelta(minutes=2) else text
    if one.guns.last_free is not None and age is not None:
        text = say.plural("{n} gun, state unknown", "{n} guns, state unknown", total)
        last = say("{free} free {age}", free=one.guns.last_free, age=say.age(age))
        return say("{text} ({detail})", text=text, detail=last)
    return say.plural("{n} gun, no live state", "{n} guns, no live state", total)


def reason(say: Wording, one: Offer) -> str:
    """Why it stands where it does, in one line."""
    values: dict[str, object] = {}
    if one.reason.saving is not None:
        values["saving"] = say.money(one.reason.saving)
    if one.reason.minutes is not None:
        values["minutes"] = one.reason.minutes
    return say(_REASONS[one.reason.kind], **values)


def hours(say: Wording, one: Offer, at: datetime) -> str:
    """Whether it is open now, and its hours where we know them."""
    known = one.station.hours
    if known.always:
        return say("Open 24 hours")
    if not known.known:
        return say("Hours: {text}", text=known.text) if known.text else say("Hours not stated")
    today = at.astimezone(ZoneInfo(one.station.time_zone)).weekday()
    spans = [f"{_hhmm(p.start)}–{_hhmm(p.end)}" for p in known.periods if p.weekday == today]
    state = say("Open now") if one.open_now else say("Closed now")
    return (
        say("{text} ({detail})", text=state, detail=say("today {spans}", spans=", ".join(spans))) if spans else state
    )


def _hhmm(minute: int) -> str:
    return "24:00" if minute == 1440 else f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def parking(say: Wording, one: Offer) -> str:
    """What standing there costs, in the supplier's words where it has any."""
    known = one.station.parking
    if known.text:
        return say("Parking: {text}", text=known.text)
    if known.free is None:
        return say("Parking fee not stated")
    return say("Free parking") if known.free else say("Parking costs extra")


def summary(say: Wording, found: Found) -> list[str]:
    """The lines under a list: what was hidden, how far we looked, who is silent."""
    lines = []
    if not found.offers and found.offset == 0:
        lines.append(_nothing(say, found))
    if found.hidden:
        lines.append(say.plural("{n} more hidden by your filters", "{n} more hidden by your filters", found.hidden))
    return lines


def silent(say: Wording, found: Found, at: datetime) -> list[str]:
    return [
        say("{name} has not answered for {n} min: its free guns are not counted.",
            name=one.name, n=int((at - one.since).total_seconds() // 60))
        for one in found.silent
    ]  # fmt: skip


def _nothing(say: Wording, found: Found) -> str:
    if found.hidden:
        return say("Nothing within {distance} passes your filters.", distance=say.distance(found.radius_m))
    if found.nearest_m is None:
        return say("No stations are known yet.")
    return say(
        "No station within {distance}. The nearest one we know is {far} away.",
        distance=say.distance(found.radius_m),
        far=say.distance(found.nearest_m),
    )
