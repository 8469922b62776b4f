"""`python -m tools` is the `ringslot` command."""

from tools.cli import main

main()
