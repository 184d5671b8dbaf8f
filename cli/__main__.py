"""`python -m cli …` is `kilowatch …`."""

from cli import main

main()
