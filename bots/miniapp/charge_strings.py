"""The sentences of scan, offer, running charge and history, by the key under which their script finds them."""

from __future__ import annotations

from functools import cache

from bots.miniapp.wallet_strings import wallet_strings
from bots.wording import N_, wording
from core.user import LANGUAGES

_SENTENCES = {
    "title": N_("Scan to charge · Kilowatch"),
    "wallet": N_("Wallet"),
    "login_head": N_("Log in to charge"),
    "login_elsewhere": N_("Open this page from our Telegram bot or our WeChat account."),
    "charge_noscript": N_("Scanning here needs JavaScript. In our chats, send a photo of the code."),
    # --- the scanner
    "scan_head": N_("Scan the code on the gun"),
    "camera_on": N_("Open the camera"),
    "camera_off": N_("Close the camera"),
    "camera_opens": N_("Opening the camera…"),
    "camera_denied": N_("The camera is not allowed here. Take a photo instead, or type the number."),
    "camera_none": N_("The camera does not open here. Take a photo instead, or type the number."),
    "camera_tired": N_("No code found. Go closer and try again, take a photo, or type the number."),
    "torch": N_("Light"),
    "looking": N_("Hold the code into the frame…"),
    "reading": N_("Reading the photo…"),
    "looking_up": N_("Looking for this gun…"),
    "photo_take": N_("Take a photo"),
    "photo_choose": N_("Choose a photo"),
    "photo_odd": N_("This photo is too large and cannot be opened here. Take a new one, or type the number."),
    "or_type_number": N_("or type the number"),
    "number_label": N_("Number printed on the gun"),
    "number_hint": N_("Number printed on the gun"),
    "go_on": N_("Go on"),
    "place_asked": N_("Finding your position…"),
    "place_send": N_("Send my position with the scan"),
    "place_why": N_("It shows a false sticker: the gun must be beside you. Forgotten after ten minutes."),
    # --- the questions
    "which_code": N_("Which code is yours?"),
    "which_gun": N_("Choose your gun"),
    "ask_station": N_("Are you at this station?"),
    "ask_station_why": N_("Compare the name with the sign. Say yes only if it is right."),
    "at_station": N_("Yes, I am here"),
    "not_at_station": N_("No, I am not"),
    "not_there": N_("Then this code does not belong here: it may be a false sticker. Do not pay with it."),
    "ask_position": N_("Where are you?"),
    "ask_position_again": N_("Send my position"),
    "last_four": N_("Last four characters on the gun"),
    "last_four_why": N_("Without your position we ask for them, so that a false sticker leads nowhere."),
    "refused": N_("Do not use this code"),
    "official": N_("The operator's own address is {host}."),
    "what_was_read": N_("What the code says"),
    "scan_again": N_("Scan again"),
    "report": N_("Report this code"),
    "report_why": N_("One of us looks at it and tells the operator."),
    "report_hint": N_("What is wrong with it?"),
    "report_photo": N_("Send the photo along"),
    "report_send": N_("Send the report"),
    "reported": N_("Report sent"),
    # --- the offer
    "offer": N_("Your charge"),
    "kwh": N_("Energy to charge"),
    "kwh_value": N_("{n} kWh"),
    "kwh_less": N_("Less energy"),
    "kwh_more": N_("More energy"),
    "start": N_("Start · hold {hold}"),
    "starting": N_("Starting…"),
    "plug_first": N_("Plug in first, then start."),
    "holds": N_("This price holds for {time} more."),
    "price_over": N_("Five minutes are over: the price may have changed."),
    "price_again": N_("Show the price again"),
    "top_up_some": N_("Top up {amount} now"),
    # --- while it goes, and the end
    "unit_kwh": N_("kWh"),
    "battery": N_("Battery"),
    "hold_used": N_("Used of what is held"),
    "live_offline": N_("No connection: this is the last we know. The charge goes on by itself."),
    "stop": N_("Stop charging"),
    "stop_start": N_("Cancel the start"),
    "stop_sure": N_("Stop now? You pay for what has flowed; the rest of the hold comes back."),
    "stop_yes": N_("Yes, stop"),
    "stop_no": N_("Go on charging"),
    "same_gun": N_("Try this gun again"),
    "alternatives": N_("Free nearby"),
    "guns_free": N_("Guns free: {n}"),
    "to_list": N_("To the list"),
    "unit_m": N_("{n} m"),
    "unit_km": N_("{n} km"),
    "opinion": N_("Was it as promised?"),
    "opinion.yes": N_("Yes"),
    "opinion.broken": N_("Gun broken"),
    "opinion.blocked": N_("Bay blocked"),
    "opinion.price": N_("Price differed"),
    "opinion.other": N_("Something else"),
    # --- the past
    "charges_title": N_("Charges · Kilowatch"),
    "charges_head": N_("Your charges"),
    "month": N_("Month"),
    "all_months": N_("All months"),
    "station": N_("Station"),
    "station_hint": N_("All stations"),
    "past_none": N_("No charges here yet."),
    "csv": N_("Download as a table (CSV)"),
}


@cache
def charge_strings() -> dict[str, dict[str, str]]:
    """Every sentence in each of our languages, with those of login and top-up, which stand in these pages too."""
    return {
        language: wallet_strings()[language] | {key: wording(language)(text) for key, text in _SENTENCES.items()}
        for language in LANGUAGES
    }
