"""The sentences about watches, by the key under which the scripts find them: those of the list page, which opens the
wishes of a station or an area, and those of the page of one's own watches."""

from __future__ import annotations

from functools import cache

from bots.wording import N_, wording
from core.user import LANGUAGES

# Also on the list page, which has them in both languages: a few, and short.
WISHES = {
    "watch_price": N_("Watch price"),
    "watch_area": N_("Watch this area"),
    "watches": N_("Watches"),
    "watch_when": N_("When shall we tell you?"),
    "watch_kind": N_("Which guns"),
    "watch_within": N_("Within"),
    "watch_own": N_("Your own price"),
    "watch_unit": N_("{currency}/kWh"),
    "watch_set": N_("Watch"),
    "watch_bad_price": N_("Type a price per kWh, like 1.10."),
    "watch_usual": N_("{n} % below the usual price of the hour"),
    "watch_lowest": N_("Lowest price in {n} days"),
    "watch_offer": N_("Take {price} instead"),
    "watch_mine": N_("My watches"),
    "watch_login": N_("Log in to be told"),
    "watch_link": N_("Link a chat"),
}
_PAGE = {
    "watches_title": N_("My watches · Kilowatch"),
    "wallet": N_("Wallet"),
    "watches_login": N_("Log in to see your watches"),
    "watches_none": N_(
        "You watch nothing yet. Open a station and tap “Watch price”, or watch an area below the list."
    ),
    "watches_find": N_("Find stations"),
    "watches_noscript": N_("This page needs JavaScript. In our chats it works without: send “watches”."),
    "watches_held": N_("You have not been told of this yet"),
    "watches_seen": N_("Got it"),
    "watches_open": N_("Open the station"),
    "watches_last": N_("Last alerts"),
    "watches_quiet_yet": N_("None so far."),
    "watches_snooze": N_("Silent for a day"),
    "watches_wake": N_("Speak again"),
    "watches_amount": N_("Other price"),
    "watches_amount_of": N_("Tell me below"),
    "watches_save": N_("Save"),
    "watches_stop": N_("Stop"),
    "watches_renew": N_("Renew"),
    "watches_stopped": N_("Stopped."),
    "watches_undo": N_("Watch again"),
    "watches_done_silent": N_("Silent until tomorrow."),
    "watches_done_awake": N_("It speaks again."),
    "watches_done_amount": N_("Changed."),
    "watches_done_renewed": N_("Watched for longer."),
    "watches_link_why": N_(
        "Send this code to our Telegram bot or our WeChat account. Alerts then come to that chat."
    ),
    "watches_link_warning": N_(
        "It works once, within ten minutes. Whoever enters it shares your account and wallet: show it nobody."
    ),
    "watches_link_telegram": N_("Open Telegram with it"),
    "watches_copy": N_("Copy"),
    "copied": N_("Copied"),
    "login": N_("Log in"),
    "login_name": N_("Your name on this machine"),
    "login_wechat": N_("Log in with WeChat"),
    "login_elsewhere": N_("Open this page from our Telegram bot or our WeChat account: send “watches” there."),
    "offline": N_("No connection. Check the network and try again."),
    "trouble": N_("Something went wrong on our side. Nothing is lost; try again in a minute."),
    "again": N_("Try again"),
    "close": N_("Close"),
    "logout": N_("Log out"),
}


@cache
def watch_strings() -> dict[str, dict[str, str]]:
    """Every sentence of the page of one's own watches, in each of our languages."""
    named = WISHES | _PAGE | {"login_head": _PAGE["watches_login"]}
    return {language: {key: wording(language)(text) for key, text in named.items()} for language in LANGUAGES}
