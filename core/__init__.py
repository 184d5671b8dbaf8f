"""The trade and its rules. Imports the standard library, numpy, geopy.distance and itself, nothing else."""
