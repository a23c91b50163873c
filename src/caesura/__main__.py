"""`python -m caesura`."""

from caesura.cli import main

main()
