"""The station index of a process: core.ports.StationIndex in memory, and the thread that keeps it fresh."""
