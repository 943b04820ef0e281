"""faults: which tests prove which fault of tests/faults.txt.

A test carries the numbers in its name, `test_f33__…`, `f16_f17__…`; a torture program names them in its figure. A fault whose
tests were all skipped (no root, no loop devices) is told apart from one that has none.
"""
import re

NUMBERED = re.compile(r"(?:^|::)(?:test_)?((?:f\d+_)+)_\w")
WIDTH = 118


def numbers(test):
    """The faults in a test's name: of `test_x::test_f1_f2__a_sentence[3]: why`, 1 and 2."""
    found = NUMBERED.search(test.split(": ")[0])
    return [int(number) for number in re.findall(r"\d+", found.group(1))] if found else []


def read(path):
    """{number: description} of lines `F33  text`."""
    return {int(number): text.strip() for number, text in re.findall(r"^F(\d+)\s+(\S.*)$", path.read_text(), re.M)}


class Proofs:
    def __init__(self, path):
        self.listed = read(path)
        self.count = {number: [0, 0] for number in self.listed}  # passed, skipped

    def _add(self, found, what):
        for number in found:
            if number in self.count:
                self.count[number][what] += 1

    def passed(self, found):
        self._add(found, 0)

    def skipped(self, found):
        self._add(found, 1)

    def missing(self):
        return [number for number, count in self.count.items() if count == [0, 0]]

    def table(self):
        """Number and how many tests passed, `+2s` where some were skipped, a few to a line; then the missing ones in full."""
        cells = [f"F{number} {passed}" + (f"+{skipped}s" if skipped else "") for number, (passed, skipped) in self.count.items()
                 if passed or skipped]
        lines = [f"faults: {len(cells)} of {len(self.listed)} have tests (fault, tests passed, +s skipped)"]
        columns = WIDTH // 10
        lines += ["  " + "".join(f"{cell:<10}" for cell in cells[at:at + columns]).rstrip() for at in range(0, len(cells), columns)]
        lines += [f"  F{number:<3} MISSING   {self.listed[number]}" for number in self.missing()]
        return "\n".join(lines)
