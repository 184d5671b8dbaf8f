"""What a typed line or a menu click asks for, in both languages."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from bots.wechat import watch_words
from core.scan import Promised
from core.services.linking import code_in
from core.wishes import Mode, Sort


class Wish(StrEnum):
    HELP = "help"
    NEARBY = "nearby"
    LIST = "list"
    MORE = "more"
    SORT = "sort"
    NUMBER = "number"
    MODE = "mode"
    ENERGY = "energy"
    CLEAR_FILTERS = "clear_filters"
    SETTINGS = "settings"
    LANGUAGE = "language"
    PRIVACY = "privacy"
    YES = "yes"
    NO = "no"
    STOP = "stop"
    START = "start"
    PROFILE = "profile"
    QUIET = "quiet"
    CAR = "car"
    LINK = "link"
    UNLINK = "unlink"
    EXPORT = "export"
    DELETE = "delete"
    SAFETY = "safety"
    WALLET = "wallet"
    TOPUP = "topup"
    REFUND = "refund"
    REFUND_NOW = "refund_now"
    STATEMENT = "statement"
    RECEIPTS = "receipts"
    SCAN = "scan"
    CHARGE = "charge"
    CONTINUE = "continue"
    CANCEL = "cancel"
    STATUS = "status"
    STOP_CHARGE = "stop_charge"
    REPORT = "report"
    PRAISE = "praise"
    BLAME = "blame"
    HISTORY = "history"
    PRICES = "prices"
    WATCHES = "watches"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Words:
    """A wish, and the value in it: the sort, the mode, the number, the place."""

    wish: Wish
    value: str = ""


def _table(*rows: tuple[Wish, str, str]) -> dict[str, Words]:
    return {word: Words(wish, value) for wish, value, words in rows for word in words.split("|")}


_WORDS = _table(
    (Wish.HELP, "", "帮助|help|/help|你好|您好|hi|hello|菜单|menu"),
    (Wish.NEARBY, "", "附近|找桩|充电桩|nearby|near|near me|find|附近充电桩"),
    (Wish.SCAN, "", "扫码|扫一扫|扫码充电|scan|/scan"),
    (Wish.CHARGE, "", "充电|开始充电|启动充电|启动|确认充电|charge|start charge|start charging|/charge"),
    (Wish.CONTINUE, "", "继续|已充值|continue|go on|paid|done"),
    (Wish.CANCEL, "", "取消|算了|不充了|cancel|never mind"),
    (Wish.STATUS, "", "状态|充电状态|进度|status|/status"),
    (Wish.STOP_CHARGE, "", "停止充电|结束充电|结束|stop charge|stop charging|end charge"),
    (Wish.REPORT, "", "举报|投诉|report|/report"),
    (Wish.PRAISE, "", "好评|满意|good|as promised"),
    (Wish.BLAME, "", "差评|不满意|bad|not as promised"),
    (Wish.HISTORY, "", "记录|历史|历史记录|history|/history"),
    (Wish.PRICES, "", "走势|价格走势|电价走势|历史价格|历史电价|price history|prices|/prices"),
    (Wish.LIST, "", "列表|最近列表|list"),
    (Wish.MORE, "", "下一页|下页|更多|more|next|next page"),
    (Wish.SORT, Sort.RECOMMENDED, "推荐|recommended|best"),
    (Wish.SORT, Sort.PRICE, "价格|按价格|最便宜|price|cheapest"),
    (Wish.SORT, Sort.DISTANCE, "距离|按距离|最近|distance|nearest"),
    (Wish.SORT, Sort.FREE, "空闲|按空闲|free|free guns"),
    (Wish.SORT, Sort.POWER, "功率|按功率|power|fastest"),
    (Wish.MODE, Mode.CHEAP, "省钱|cheap"),
    (Wish.MODE, Mode.BALANCED, "均衡|不赶|不赶时间|balanced|not in a hurry"),
    (Wish.MODE, Mode.HURRY, "赶时间|赶|hurry|in a hurry"),
    (Wish.CLEAR_FILTERS, "", "清除筛选|取消筛选|clear filters"),
    (Wish.SETTINGS, "", "设置|我的|settings|/settings"),
    (Wish.LANGUAGE, "", "语言|language|/language"),
    (Wish.LANGUAGE, "zh-CN", "中文|chinese|简体中文"),
    (Wish.LANGUAGE, "en", "英文|英语|english"),
    (Wish.PRIVACY, "", "隐私|privacy|/privacy"),
    (Wish.YES, "", "是|好|同意|yes|agree|ok"),
    (Wish.NO, "", "否|不|不同意|撤回|no|disagree|withdraw"),
    (Wish.STOP, "", "停止|stop|/stop"),
    (Wish.STOP, "messages", "退订|停止消息|stop messages|unsubscribe"),
    (Wish.START, "", "开始|恢复|start|/start"),
    (Wish.PROFILE, "", "资料|我的资料|profile|my profile|/me|/profile"),
    (Wish.LINK, "", "绑定|link|/link|绑定telegram|绑定 telegram"),
    (Wish.UNLINK, "", "解绑|解除绑定|unlink|/unlink"),
    (Wish.EXPORT, "", "导出|导出数据|我的数据|export|/export"),
    (Wish.SAFETY, "", "安全|资金安全|承诺|safety|/safety|is my money safe"),
    (Wish.WALLET, "", "钱包|余额|我的钱包|wallet|balance|/wallet"),
    (Wish.TOPUP, "", "充值|top up|topup|/topup"),
    (Wish.REFUND, "", "退款|提现|refund|/refund"),
    (Wish.STATEMENT, "", "账单|明细|收支|收支明细|statement|/statement"),
    (Wish.RECEIPTS, "", "充电单|充电记录|receipts|receipt|charges|/receipts"),
    (Wish.DELETE, "", "注销|注销账号|删除账号|delete account|/delete"),
)
# What may not have been as promised.
REASONS = {
    word: reason
    for reason, words in {
        Promised.BROKEN: "1|枪坏|枪坏了|坏|坏了|broken|gun broken",
        Promised.BLOCKED: "2|被占|车位被占|占位|油车占位|blocked|bay blocked",
        Promised.PRICE: "3|价格|价格不符|贵了|price",
        Promised.OTHER: "4|其他|其它|other|something else",
    }.items()
    for word in words.split("|")
}
# The keys of our menu's buttons (menu.py). Buttons of a menu from last month land on help.
CLICKS = {
    "find": Words(Wish.NEARBY),
    "status": Words(Wish.STATUS),
    "list": Words(Wish.LIST),
    "settings": Words(Wish.SETTINGS),
    "profile": Words(Wish.PROFILE),
    "wallet": Words(Wish.WALLET),
    "statement": Words(Wish.STATEMENT),
    "receipts": Words(Wish.RECEIPTS),
    "safety": Words(Wish.SAFETY),
    "language": Words(Wish.LANGUAGE),
    "help": Words(Wish.HELP),
}
_ENERGY = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,2})?)\s*(?:度电?|千瓦时|kwh|kw·h)")
_MONTH = r"本月|这个月|当月|上个?月|this month|last month|(?:[0-9]{4}\s*[-/.年]\s*)?[0-9]{1,2}\s*月?"
_MONTH_NAME = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_SUM = r"[-+]?[¥$€£]?\s*[0-9][0-9.,]*\s*(?:元|块|[a-z]{3})?"
_PRICES = "(?:价格|电价)?走势|历史(?:价格|电价)|price history|/?prices"
# A word, and what is said of it: "quiet 22-8", "免打扰22-8", "car ccs2 60", "绑定 kw-…".
_WITH_VALUE = (
    (Wish.QUIET, re.compile(r"(?:quiet(?:\s+hours)?|免打扰)\s*[:：]?\s*(.+)")),
    (Wish.CAR, re.compile(r"(?:(?:my\s+)?car\s|我的车|车辆|车)\s*[:：]?\s*(none|off|无|没有|删除|.*[0-9].*)")),
    (Wish.TOPUP, re.compile(rf"(?:充值|top ?up|/topup)\s*[:：]?\s*({_SUM})")),
    (Wish.REFUND_NOW, re.compile(rf"(?:确认退款|confirm refund)\s*[:：]?\s*({_SUM})")),
    (Wish.REFUND, re.compile(rf"(?:退款|提现|/?refund)\s*[:：]?\s*(all|全部|全额|所有|{_SUM})")),
    (Wish.RECEIPTS, re.compile(r"(?:充电单|充电记录|receipts?)\s*[:：]?\s*([0-9]{1,2})")),
    (Wish.REPORT, re.compile(r"(?:举报|投诉|/?report)\s*[:：]?\s*(.+)")),
    (Wish.BLAME, re.compile(rf"(?:差评|bad)\s*[:：,]?\s*({'|'.join(REASONS)})")),
    (Wish.HISTORY, re.compile(rf"(?:记录|历史|/?history)\s*[:：]?\s*({_MONTH}|{_MONTH_NAME})")),
    (Wish.PRICES, re.compile(rf"(?:{_PRICES})\s*[:：]?\s*近?\s*([0-9]{{1,2}}\s*(?:h|hours?|小时|d|days?|天|日)?)")),
    (Wish.LINK, re.compile(r"(?:绑定|/?link)\s*[:：]?\s*(kw-?\S+)")),
)
_NUMBER = re.compile(r"[0-9]{1,3}")
# On the line as it came: a gun's number is taken byte for byte.
_SCAN = re.compile(r"\s*(?:扫码|扫|枪号|桩号|编号|/?scan\b|gun\b)\s*[:：]?\s*(.*[0-9].*)", re.IGNORECASE | re.DOTALL)
ROWS_MAX = 5


def understand(text: str) -> Words:
    """The wish in a typed line. Whatever is no command is a place."""
    # NFKC: phones type ３ and ③, and full-width letters
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    bare = line.casefold().strip("。.!?,；;“”\"'")
    if not bare:
        return Words(Wish.HELP)
    if known := _WORDS.get(bare):
        return known
    if asked := watch_words.read(bare):
        return Words(Wish.WATCHES, f"{asked.verb} {asked.watch_id}")
    if said := _SCAN.fullmatch(text):
        return Words(Wish.SCAN, said[1].strip())
    if code := code_in(bare):
        return Words(Wish.LINK, code)
    for wish, pattern in _WITH_VALUE:
        if said := pattern.fullmatch(bare):
            return Words(wish, said[1])
    if energy := _ENERGY.fullmatch(bare):
        return Words(Wish.ENERGY, energy[1])
    if _NUMBER.fullmatch(bare):
        # "3" opens a station; "40" answers "how many kWh?"
        number = int(bare)
        return Words(Wish.NUMBER if 1 <= number <= ROWS_MAX else Wish.ENERGY, str(number))
    return Words(Wish.PLACE, line)
