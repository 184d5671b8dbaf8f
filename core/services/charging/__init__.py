"""Charging: quote, start, follow, stop, settle. One file per step; `service` is what the others see.

means      what they all work with, and the one way in which a session changes its state
quoting    the price frozen and signed          starting   the yes, the hold, the start sent once
following  what suppliers say, and the time      stopping   at a wish, at the limit, as a precaution
warning    what a driver should hear meanwhile
metering   what it costs by the frozen tariff    settling   records into the books
freshening a price that has grown too old
"""

from core.services.charging.service import ChargingService

__all__ = ["ChargingService"]
