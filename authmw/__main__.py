"""`python -m authmw` is `authmw`."""

from .cli import main

main()
