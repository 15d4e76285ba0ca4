"""Write the tables of `docs/reference/captures.md`."""

from tests.capture.ways.page import write

if __name__ == "__main__":
    write()
