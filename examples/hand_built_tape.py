"""A tape built by hand, node by node: f = 5 * (a * b)."""

from wengert import CompNode, ConstantNode, Multiply, Tape

Rows = list[tuple[str, str, str]]


def build() -> tuple[Tape, CompNode, CompNode, CompNode, CompNode]:
    """The tape and its nodes a, b, o = a * b and f = 5 * o."""
    tape = Tape()
    a = ConstantNode(2, tape)
    b = ConstantNode(3, tape)
    o = Multiply(a, b, tape)
    f = Multiply(ConstantNode(5, tape), o, tape)
    return tape, a, b, o, f


def main() -> Rows:
    """Play the tape forward and backward; rows of (quantity, result, expected)."""
    tape, a, b, o, f = build()
    tape.forward()
    tape.backward()
    rows = [
        ("f = 5ab at a=2, b=3", str(f.output), "30"),
        (
            "df/do, df/da, df/db",
            f"{o.gradient}, {a.gradient}, {b.gradient}",
            "5, 15, 10",
        ),
    ]

    a.value = 7
    tape.forward()
    tape.backward()
    rows.append(("df/db after a.value = 7", str(b.gradient), "35"))
    return rows


if __name__ == "__main__":
    for row in main():
        print(*row, sep=" | ")
