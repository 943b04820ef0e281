#!/usr/bin/env python3
"""house: guards the floors of src/ (docs/ARCHITECTURE.md) and the size of its rooms.

    house.py [ROOT]        prints what is wrong, one line each; exit 1 if anything is

  - a file includes its own floor and lower ones, never higher; programs never include each other; no cycles
  - a foreign library is named only by the files of its own io module
  - a source has at most 500 lines, a function at most 80, and half of the files at most 200
  - every include is written from src/ with its floor: "io/repo.h"
"""
import re
import statistics
import sys
from pathlib import Path

FLOORS = {"util": 0, "model": 1, "schema": 1.5, "io": 2, "verify": 2.5, "config": 2.5, "daemon": 3, "cli": 3, "client": 3}
# Rooms of one floor that do not know each other.
STRANGERS = [{"verify", "config"}, {"daemon", "cli"}, {"daemon", "client"}, {"cli", "client"}]
# Who may name a foreign library.
FOREIGN = {
    "git2.h": r"io/repo_\w+\.[ch]$",
    "git2/": r"io/repo_\w+\.[ch]$",
    "zlib.h": r"io/repo_loose\.c$",
    "yaml.h": r"io/yaml\w*\.[ch]$",
    "sodium.h": r"io/crypto\.c$",
    "mosquitto.h": r"io/mqtt\w*\.[ch]$",
    "mqtt_protocol.h": r"io/mqtt\w*\.[ch]$",
    "inotifytools/": r"io/watch\.c$",
    "pcre2.h": r"io/regex\.c$",
}
FILE_MAX, FUNCTION_MAX, FILE_MEDIAN = 500, 80, 200

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def includes(text):
    return [(kind == '"', name) for kind, name in INCLUDE.findall(text)]


def check_includes(src, path, text, problems):
    room = path.relative_to(src).parts[0]
    where = f"src/{path.relative_to(src)}"
    own = []
    for is_own, name in includes(text):
        if not is_own:
            for header, allowed in FOREIGN.items():
                if name.startswith(header) and not re.search(allowed, where):
                    problems.append(f"{where}: names <{name}>, which belongs to {allowed}")
            continue
        if name.endswith(".def"):
            continue
        target = name.split("/")[0]
        if target not in FLOORS or not (src / name).exists():
            problems.append(f'{where}: "{name}" is not written from src/')
            continue
        own.append(name)
        if FLOORS[target] > FLOORS[room]:
            problems.append(f'{where}: reaches up to "{name}"')
        if target != room and {target, room} in STRANGERS:
            problems.append(f'{where}: {room} and {target} do not know each other, "{name}"')
        if name.endswith("_priv.h") and not path.relative_to(src).as_posix().startswith(name.removesuffix("_priv.h")):
            problems.append(f'{where}: "{name}" is for the files of {name.removesuffix("_priv.h")} alone')
    return own


def check_size(src, path, text, problems):
    where = f"src/{path.relative_to(src)}"
    lines = text.splitlines()
    if len(lines) > FILE_MAX:
        problems.append(f"{where}: {len(lines)} lines, at most {FILE_MAX}")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start > FUNCTION_MAX:
                problems.append(f"{where}:{start}: a function of {number - start} lines, at most {FUNCTION_MAX}")
            start = None
    return len(lines)


def find_cycles(graph, problems):
    """Modules (a header and its source are one) must not include each other in a circle."""
    state = {}

    def visit(module, trail):
        state[module] = "open"
        for target in sorted(graph.get(module, ())):
            if state.get(target) == "open":
                circle = trail[trail.index(target):] + [target]
                problems.append("a circle of includes: " + " -> ".join(circle))
            elif target not in state:
                visit(target, trail + [target])
        state[module] = "done"

    for module in sorted(graph):
        if module not in state:
            visit(module, [module])


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    src = root / "src"
    problems, sizes, graph = [], [], {}
    for path in sorted(src.rglob("*.[ch]")):
        text = path.read_text()
        own = check_includes(src, path, text, problems)
        module = str(path.relative_to(src).with_suffix(""))
        targets = {str(Path(name).with_suffix("")) for name in own} - {module}
        if path.suffix == ".h":  # headers decide about circles; a source may use whatever its header's users do
            graph.setdefault(module, set()).update(targets)
        size = check_size(src, path, text, problems)
        if path.suffix == ".c":
            sizes.append(size)
    find_cycles(graph, problems)
    if sizes and statistics.median(sizes) > FILE_MEDIAN:
        problems.append(f"half of the sources have more than {statistics.median(sizes):.0f} lines, aim for {FILE_MEDIAN}")
    for problem in problems:
        print(problem)
    print(f"house: {len(sizes)} sources, median {statistics.median(sizes):.0f} lines, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
