"""`python -m zincir`: the command `zincir`."""

from zincir.cli import main

main()
