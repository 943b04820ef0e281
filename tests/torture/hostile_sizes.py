#!/usr/bin/python3
"""hostile_sizes: a blob of a gigabyte in a commit is refused by its header, at the cost of a small one (F42).

    hostile_sizes.py [--quick]

Measures `epochctl check` of a commit with the blob: it must name the file and the limit, in bounded memory, whatever the size.
"""
import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from harness import EPOCHCTL, Repo, measured  # noqa: E402

RSS_MAX_KIB = 64 * 1024
MEBIBYTE = 1 << 20


def add_blob(repo, folder, size):
    """A commit with a file of so many zeros, which zlib makes small."""
    with open(folder / "huge", "wb") as file:
        file.truncate(size)
    oid = repo.git("hash-object", "-w", str(folder / "huge")).stdout.strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{oid},services/huge.yaml")
    repo.git("commit", "-q", "--no-verify", "-m", "huge")
    (folder / "huge").unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    sizes = [2, 16] if parser.parse_args().quick else [2, 64, 1024]
    rows = []
    with tempfile.TemporaryDirectory(prefix="epochd-sizes-") as folder:
        repo = Repo.home(Path(folder) / "config")
        for mebibytes in sizes:
            began = time.monotonic()
            add_blob(repo, Path(folder), mebibytes * MEBIBYTE)
            code, output, seconds, peak = measured(folder, EPOCHCTL, "-C", repo.path, "check", "HEAD")
            is_right = code == 1 and "services/huge.yaml" in output and "[limit.file]" in output and peak < RSS_MAX_KIB
            if not is_right:
                print(f"WRONG check ended with {code}, {peak} KiB: {output}", file=sys.stderr)
            rows.append({"what": f"a blob of {mebibytes} MiB", "points": 1, "bad": int(not is_right),
                         "seconds": round(time.monotonic() - began, 1), "CPU_of_check": f"{seconds * 1000:.0f} ms",
                         "peak": f"{peak / 1024:.1f} MiB"})
    ok = not any(row["bad"] for row in rows)
    print(json.dumps({"figure": "hostile sizes", "faults": [42], "anchor": "none published", "rows": rows, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
