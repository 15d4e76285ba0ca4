"""``python -m wengert`` is the command ``wengert``."""

from wengert.cli import main

main(prog_name="wengert")
