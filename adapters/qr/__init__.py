"""Reads the QR codes in a person's photo: `read_codes(image)`.

The photo comes from a stranger and three large C libraries look at it, so none of that happens in this process:
`pool.py` keeps worker processes warm and hands photos over, `worker.py` is their loop and their limits. Inside a
worker `picture.py` opens the file, `cascade.py` tries one stage after the other (a table), `decoders.py` guards the
two decoders and `treatments.py` holds what is done to a picture that gives nothing as it is.
"""

from adapters.qr.pool import read_codes

__all__ = ["read_codes"]
