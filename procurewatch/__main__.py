"""`python -m procurewatch` is `procurewatch`."""

from procurewatch.cli import main

main()
