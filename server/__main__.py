"""Let `python -m server` do what the command does, for people who stand in the checkout."""

from .cli import main

main()
