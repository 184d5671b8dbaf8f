"""The station index of a process: core.ports.StationIndex in memory, and the thread that keeps it fresh."""

from storage.index.memory import InMemoryStationIndex

__all__ = ["InMemoryStationIndex"]
