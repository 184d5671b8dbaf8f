"""How partners spell T/CEC 102. A dialect is declared per partner and never guessed from one value.

Inside the adapter every field has its correct English name and a Decimal in yuan, kWh, amps, volts or percent; the
tables map that to what the partner writes. Spelling is read with mercy (the standard's misspellings, the correct
words and stray capitals all arrive), and written exactly as declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One partner's way to write. `restricted` are the station types that are not for the public."""

    name: str
    spelling: Mapping[str, str]
    spelling_in: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # exceptions, by interface
    camel_case: bool = False
    scaled: Mapping[str, int] = field(default_factory=dict)  # written as whole numbers, times ten to this power
    as_text: frozenset[str] = frozenset()  # numbers written as text
    restricted: frozenset[int] = frozenset()
    page_size: int = 100
    list_prices: str = ""  # the field of the station list that holds the day's prices, where there is one
    stop_reasons: Mapping[int, str] = field(default_factory=dict)  # where a number means something else
    asks_before_start: bool = False  # query_equip_auth comes first: it is part of what the partner has built
    _ours: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = {theirs: ours for ours, theirs in self.spelling.items()}
        for words in self.spelling_in.values():
            own |= {theirs: ours for ours, theirs in words.items()}
        object.__setattr__(self, "_ours", _ALSO_SEEN | own)

    # --- reading --------------------------------------------------------------------------------------------

    def read(self, value: Any, name: str = "") -> Any:
        """The same document in our spelling and units, at every depth."""
        if isinstance(value, dict):
            named = self.keys(value)
            return {key: self.read(part, key) for key, part in named.items()}
        if isinstance(value, list):
            return [self.read(part, name) for part in value]
        places = self.scaled.get(name)
        return value if places is None else _unscaled(value, places)

    def keys(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The same object with our spelling of its own keys; what is inside them is left as it came."""
        named: dict[str, Any] = {}
        for key, part in row.items():
            ours = self._our(key)
            if ours == key or ours not in row:  # where both spellings are there, the right one counts
                named[ours] = part
        return named

    def _our(self, key: str) -> str:
        return self._ours.get(key) or _FIELDS_BY_FOLDED.get(key.lower(), key)

    # --- writing --------------------------------------------------------------------------------------------

    def write(self, value: Any, interface: str = "", name: str = "") -> Any:
        """The same document as the partner wants it in this interface, at every depth."""
        if isinstance(value, Mapping):
            return {self._their(key, interface): self.write(part, interface, key) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.write(part, interface, name) for part in value]
        if name in self.scaled and isinstance(value, int | Decimal) and not isinstance(value, bool):
            whole = Decimal(value).scaleb(self.scaled[name])
            return int(whole.quantize(Decimal(1), rounding=ROUND_HALF_UP))
        return str(value) if name in self.as_text and value is not None else value

    def _their(self, key: str, interface: str) -> str:
        theirs = self.spelling_in.get(interface, _NOTHING).get(key) or self.spelling.get(key, key)
        return _camel_case(theirs) if self.camel_case else theirs


def _camel_case(name: str) -> str:
    """ConnectorID is connectorId, StationIDs is stationIds (kancloud.cn/goodday/hmcs-api)."""
    for ending, small in (("IDs", "Ids"), ("ID", "Id")):
        if name.endswith(ending):
            name = name.removesuffix(ending) + small
    return name[:1].lower() + name[1:]


def _unscaled(value: Any, places: int) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return value
    try:
        return Decimal(value.strip() if isinstance(value, str) else value).scaleb(-places)
    except InvalidOperation:
        return value


# --- words --------------------------------------------------------------------------------------------------


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# The misspellings are the standard's own.
_STANDARD = {
    "BusinessHours": "BusineHours",
    "ServicePrice": "SevicePrice",
    "ServiceMoney": "SeviceMoney",
    "DetailServiceMoney": "DetailSeviceMoney",
    "TotalServiceMoney": "TotalSeviceMoney",
}
# Seen from partners who declare something else. SubPeriod: omind. ElectMoney: one answer of Xiaoju.
_ALSO_SEEN = {theirs: ours for ours, theirs in _STANDARD.items()} | {
    "ElectMoney": "ElecMoney",
    "SubPeriod": "SumPeriod",
    "SOC": "Soc",
}
# Every field that is read somewhere: found whatever its capitals are (omind `connectorID`, Beijing `equipAuthSeq`).
_FIELDS = _words("""
    AccessToken Address AreaCode BusinessHours ChargeDetails ChargeOrders CheckOrderSeq ConfirmResult ConnectorID
    ConnectorInfos ConnectorName ConnectorStatus ConnectorStatusInfo ConnectorStatusInfos ConnectorType CountryCode
    CurrentA CurrentB CurrentC DetailElecMoney DetailEndTime DetailPower DetailServiceMoney DetailStartTime ElecMoney
    ElecPrice ElectricityFee EndTime EquipAuthSeq EquipBizSeq EquipmentID EquipmentInfos EquipmentName EquipmentType
    FailReason FailReasonMsg FullStationID ItemSize LockStatus OpenAllDay OperatorID OperatorName OperatorSecret
    OrderCount PageCount PageNo PageSize ParkFee ParkInfo ParkStatus PolicyInfos Power QrCodes Remark ServiceFee
    ServiceMoney ServicePrice ServiceTel SiteGuide Soc StartChargeSeq StartChargeSeqStat StartTime StationID
    StationIDs StationInfo StationInfos StationLat StationLng StationName StationStatus StationStatusInfo
    StationStatusInfos StationTel StationType Status StopReason SuccStat SumPeriod TokenAvailableTime Total
    TotalElecMoney TotalMoney TotalOrderMoney TotalOrderPower TotalPower TotalServiceMoney VoltageA VoltageB VoltageC
""")
_FIELDS_BY_FOLDED = {name.lower(): name for name in _FIELDS} | {
    theirs.lower(): ours for theirs, ours in _ALSO_SEEN.items()
}

# --- partners -----------------------------------------------------------------------------------------------

# Station types: 50 private, 100 bus, 101 sanitation, 102 logistics, 103 taxi.
_RESTRICTED_2016 = frozenset({50, 100, 101, 102, 103})
# The newer edition counts again: 1 public, 2 dedicated, 3 residential.
_RESTRICTED_2021 = frozenset({2, 3})

# The standard's own way to a charge is query_equip_auth, then query_start_charge (part 3); no part calls it optional.
CEC_2016 = Dialect(name="cec-2016", spelling=_STANDARD, restricted=_RESTRICTED_2016, asks_before_start=True)

# Contract 1.4.0: spelled right, except in a user's orders; the live state is ElectMoney when asked for and ElecMoney
# when pushed; Total is text; FullStationID is read wherever it comes.
_USER_ORDERS = {"TotalServiceMoney": "TotalSeviceMoney"}
XIAOJU = Dialect(
    name="xiaoju",
    spelling={"BusinessHours": "BusineHours"},
    spelling_in={
        "query_equip_charge_status": {"ElecMoney": "ElectMoney"},
        "query_user_order": _USER_ORDERS,
        "notification_user_order_info": _USER_ORDERS,
    },
    as_text=frozenset({"Total"}),
    restricted=_RESTRICTED_2016,
    asks_before_start=True,
)

# The station list carries the day's prices, [{StartTime, EndTime, ElectricityFee, ServiceFee, PvType}].
STARCHARGE = Dialect(
    name="starcharge",
    spelling=_STANDARD,
    restricted=_RESTRICTED_2016,
    list_prices="StationFeeDetail",
    asks_before_start=True,
)

# Supervision platforms after the 2021 edition: station types and kinds of place are numbered anew; OpenAllDay,
# QrCodes and ConnectorUniqueID come with the list. They collect what others do, so nothing is known of their checks.
SUPERVISION = Dialect(name="supervision", spelling=_STANDARD, restricted=_RESTRICTED_2021)

# kancloud.cn/goodday/hmcs-api: camelCase, and whole numbers only, positions included. Its pages know
# no check of a gun.
_HMCS_MICRO = _words(
    "ElecPrice ServicePrice ElecMoney ServiceMoney TotalMoney TotalElecMoney TotalServiceMoney DetailElecMoney "
    "DetailServiceMoney TotalOrderMoney TotalDisputeMoney StationLng StationLat"
)
_HMCS_ENERGY = _words("TotalPower DetailPower TotalOrderPower TotalDisputePower")
_HMCS_TENTHS = _words("CurrentA CurrentB CurrentC VoltageA VoltageB VoltageC")
HMCS = Dialect(
    name="hmcs",
    spelling={},
    camel_case=True,
    scaled={"Soc": 2}
    | dict.fromkeys(_HMCS_MICRO, 6)
    | dict.fromkeys(_HMCS_ENERGY, 2)
    | dict.fromkeys(_HMCS_TENTHS, 1),
    restricted=_RESTRICTED_2016,
    stop_reasons={2: "full"},
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (CEC_2016, XIAOJU, STARCHARGE, SUPERVISION, HMCS)
}
