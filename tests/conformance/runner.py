"""Plays cases against a client and says how it went; the program `conformance` is its main()."""
import argparse
import importlib
import json
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from registry import CASES
from stage import Broker, Failed, Stage

for _group in ("forged", "order", "keys", "freshness", "disk", "application"):  # the order in which they are told
    importlib.import_module(f"cases_{_group}")

USAGE = """\
conformance [options] PROGRAM [ARGUMENT…]

    --only WORD      cases whose name begins with it (may be given several times)
    --without GROUP  leaves a group out: forged order keys freshness disk snapshot application acknowledge
    --list           the cases, and nothing is run
    --jobs N         cases at a time (3)
    --patience S     how long an event may take before it is said never to come (20)
    --json FILE, --junit FILE
    --keep DIR       work in this folder and leave it: each case's files, its client's stderr

Exit: 0 all passed, 1 a case failed, 2 usage.
"""


class Result:
    def __init__(self, case, seconds, why=None):
        self.case, self.seconds, self.why = case, seconds, why


def play(case, command, broker, folder, patience_s, prefix=None):
    began = time.monotonic()
    folder.mkdir(parents=True)
    own = Broker(folder / "broker") if case.own_broker else None
    stage = Stage(prefix or case.name, own or broker, command, folder, patience_s)
    why = None
    try:
        case.play(stage)
        stage.finish()
    except Failed as failed:
        why = str(failed)
    except Exception as error:  # an event without its members is the client's fault, not the end of the run
        why = f"{type(error).__name__}: {error}"
    finally:
        stage.close()
        if own:
            own.stop()
    return Result(case, time.monotonic() - began, why)


def chosen(options):
    cases = [case for case in CASES if case.group not in options.without]
    if options.only:
        cases = [case for case in cases if case.name.startswith(tuple(options.only))]
    return cases


def print_result(result):
    verdict = "ok" if result.why is None else "FAILED"
    print(f"{verdict:<7}{result.case.name:<46}{result.case.about}", flush=True)
    if result.why is not None:
        print(f"       {result.why}", flush=True)


def write_junit(path, results):
    failures = sum(result.why is not None for result in results)
    suite = ElementTree.Element("testsuite", name="epochd conformance", tests=str(len(results)), failures=str(failures))
    for result in results:
        one = ElementTree.SubElement(suite, "testcase", classname=result.case.group, name=result.case.name, time=f"{result.seconds:.3f}")
        if result.why is not None:
            ElementTree.SubElement(one, "failure", message=result.why)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def write_json(path, command, results):
    cases = [{"name": r.case.name, "about": r.case.about, "passed": r.why is None, "why": r.why, "seconds": round(r.seconds, 3)} for r in results]
    Path(path).write_text(json.dumps({"client": command, "passed": sum(case["passed"] for case in cases), "cases": cases}, indent=1) + "\n")


def run(options, cases):
    folder = Path(options.keep or tempfile.mkdtemp(prefix="conformance-"))
    broker = Broker(folder / "broker")
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            futures = [pool.submit(play, case, options.command, broker, folder / case.name, options.patience) for case in cases]
            results = []
            for future in futures:
                results.append(future.result())
                print_result(results[-1])
    finally:
        broker.stop()
        if not options.keep:
            shutil.rmtree(folder)
    return results


def main():
    parser = argparse.ArgumentParser(usage=USAGE, add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--patience", type=float, default=20)
    parser.add_argument("--json")
    parser.add_argument("--junit")
    parser.add_argument("--keep")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    cases = chosen(options)
    if options.help:
        print(USAGE)
        return 0
    if options.list:
        for case in cases:
            print(f"{case.name:<46}{case.about}")
        print(f"{len(cases)} cases")
        return 0
    if not options.command or not cases:
        print(USAGE if not options.command else "there is no such case", file=sys.stderr)
        return 2
    if shutil.which(options.command[0]) is None:
        print(f"there is no program {options.command[0]}, or it may not be run", file=sys.stderr)
        return 2
    options.command[0] = shutil.which(options.command[0])
    results = run(options, cases)
    failed = [result for result in results if result.why is not None]
    if options.json:
        write_json(options.json, options.command, results)
    if options.junit:
        write_junit(options.junit, results)
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed of {len(results)}")
    return 1 if failed else 0
