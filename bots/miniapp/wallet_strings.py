"""The sentences of the wallet and of receipts, by the key under which their script finds them."""

from __future__ import annotations

from functools import cache

from bots.wording import N_, wording
from core.user import LANGUAGES

_SENTENCES = {
    "title": N_("Wallet · Kilowatch"),
    "head": N_("Wallet"),
    "free": N_("Free"),
    "held": N_("Held for a charge"),
    "refunding": N_("On its way back"),
    "empty": N_("Nothing in it yet. Top up before you charge; what you do not use goes back the way you paid."),
    "top_up": N_("Top up"),
    "refund": N_("Refund"),
    "amount": N_("Amount"),
    "other_amount": N_("Another amount"),
    "currency": N_("Currency"),
    "way": N_("Way to pay"),
    "no_way": N_("No way to pay is set up here."),
    "pay": N_("Pay"),
    "pay_page": N_("To the payment page"),
    "pay_page_hint": N_("Pay there and come back: this page sees it by itself."),
    "pay_wait": N_("Waiting for your payment…"),
    "pay_in_wechat": N_("This way needs WeChat: open this page in WeChat and pay there."),
    "pay_parked": N_("This payment does not fit its order. One of us looks at it; you need do nothing."),
    "pay_closed": N_("This payment has expired. Start a new one."),
    "paid_in": N_("{amount} is in your balance."),
    "waiting": N_("{amount} waits for your payment. Nothing is taken if you let it be."),
    "bad_amount": N_("Type an amount like 50 or 20.50."),
    "refund_all": N_("All of it: {amount}"),
    "refund_some": N_("A part of it"),
    "refund_none": N_("There is nothing that could go back the way you paid."),
    "refund_next": N_("Next"),
    "refund_sure": N_("This is what happens:"),
    "refund_way": N_("{amount} goes back to {way}"),
    "refund_due": N_("It is there by {day} at the latest; you can watch each step."),
    "refund_yes": N_("Yes, pay it back"),
    "refund_asked": N_("{amount} is on its way back. Each step stands below."),
    "refund_to": N_("Back to {way}"),
    "refunds": N_("Refunds"),
    "due": N_("due by {day}"),
    "reference": N_("reference {reference}"),
    "charges": N_("Last charges"),
    "kwh_value": N_("{n} kWh"),
    "all_charges": N_("All charges"),
    "receipt": N_("Receipt"),
    "statement": N_("Statement"),
    "statement_none": N_("Nothing has been paid yet."),
    "from_held": N_("from what was held"),
    "from_refunding": N_("from what goes back"),
    "more": N_("Show more"),
    "watches": N_("My watches"),
    "promises": N_("What we promise about your money"),
    "logout": N_("Log out"),
    "login_head": N_("Log in to see your money"),
    "login_name": N_("Your name on this machine"),
    "login": N_("Log in"),
    "login_wechat": N_("Log in with WeChat"),
    "login_elsewhere": N_("Open this page from our Telegram bot or our WeChat account: send “wallet” there."),
    "noscript": N_("The wallet needs JavaScript. In our chats it works without: send “wallet”."),
    "offline": N_("No connection. Check the network and try again."),
    "trouble": N_("Something went wrong on our side. Nothing is lost; try again in a minute."),
    "again": N_("Try again"),
    "close": N_("Close"),
    "cancel": N_("Cancel"),
    "print": N_("Print"),
    "to_wallet": N_("To the wallet"),
    "station_part": N_("Where"),
    "charge_part": N_("Charge"),
    "bill_part": N_("Quote and bill"),
    "money_part": N_("Your money"),
    "receipt_reference": N_("Reference"),
}


@cache
def wallet_strings() -> dict[str, dict[str, str]]:
    """Every sentence in each of our languages."""
    return {language: {key: wording(language)(text) for key, text in _SENTENCES.items()} for language in LANGUAGES}
