"""The documents tell what the programs do: every code, verb, option, setting, metric and log event stands where it is looked up.

The sources are the truth; a table that forgets one of theirs fails here.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
SRC, DOCS, MAN = ROOT / "src", ROOT / "docs", ROOT / "docs/man"
OPERATIONS = (DOCS / "OPERATIONS.md").read_text()
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def source(*patterns):
    return "\n".join(path.read_text() for pattern in patterns for path in sorted(SRC.glob(pattern)))


def names(pattern, text):
    found = re.findall(pattern, text)
    assert found, f"nothing in the sources looks like {pattern}"
    return sorted(set(found))


def bold(text):
    """What scdoc sets in bold, its escapes undone: names that can be looked up."""
    return set(re.findall(r"\*([^*\n]+)\*", text.replace("\\", "")))


STRINGS = r'"((?:[^"\\]|\\.)*)"'
STATES = [(kind, *(text.replace('\\"', '"') for text in re.findall(STRINGS, row)))
          for kind, row in re.findall(r'^(HOLD|DEGRADED|PLAIN)\((\w+, (?:"(?:[^"\\]|\\.)*"[,\s]*)+)\)$', source("model/states.def"), re.M)]
CODES = names(r'CODE\(\w+, "([^"]+)"', source("model/codes.def"))
LONG_OPTIONS = r'\{"([a-z-]+)", (?:no|required)_argument'
EVENT = r'log_(?:debug|info|warn|error|event|error_object)\((?:[A-Z_a-z=? .>-]+(?::[A-Z_ ]+)?, )?(?:UNIT|"[a-z]+"), "([a-z_]+)"'


@pytest.mark.parametrize("code", CODES)
def test_every_code_stands_in_operations(code):
    assert f"| `{code}` |" in OPERATIONS


def test_operations_explains_no_code_that_is_gone():
    rows = re.findall(r"^\| `([a-zA-Z0-9.-]+)` \|", OPERATIONS.split("## 10. Codes")[1].split("\n## ")[0], re.M)
    assert sorted(rows) == sorted(set(rows)) == CODES


def test_the_table_of_states_is_read_whole():
    assert len(STATES) == len(re.findall(r"^(?:HOLD|DEGRADED|PLAIN)\(", source("model/states.def"), re.M)) > 20
    assert {len(row) for row in STATES} == {7}


@pytest.mark.parametrize("row", STATES, ids=[row[1] for row in STATES])
def test_every_state_stands_in_operations_with_entry_served_exit_and_what_to_type(row):
    kind, name, meaning, comes, served, ends, remedy = row
    label = name if kind == "PLAIN" else f"{kind.lower()}:{name}"
    table = OPERATIONS.split("## 4. States")[1].split("\n## ")[0]
    assert f"| `{label}` | {meaning} {comes} | {served} | {ends} | {remedy} |" in table


# One test of each state that enters and leaves it on a running daemon (tests/integration); others prove more.
LIVED = {
    "state-lost": "test_f25__files_deleted_from_the_folder_are_a_lost_state_and_the_same_ones_back_go_on",
    "journal-corrupt": "test_f24__a_journal_that_is_corrupt_serves_the_snapshot_and_goes_on_when_it_is_mended",
    "read-only": "test_f19__calls_that_say_read_only_hold_until_they_do_not",
    "no-space": "test_f16__a_full_disk_holds_publishes_nothing_and_ends_when_there_is_room",
    "journal-unwritable": "test_a_journal_that_was_moved_away_holds_and_one_that_is_back_goes_on",
    "two-publishers": "test_f10__two_daemons_with_one_key_are_told_and_a_minute_of_peace_ends_it",
    "epoch-jump": "test_an_epoch_jump_ends_when_the_head_is_cleared_and_without_a_restart",
    "repo-replaced": "test_f50__a_link_swapped_to_another_repository_holds_until_the_old_one_is_back",
    "history-rewritten": "test_f34__a_rewritten_history_is_accepted_as_a_new_and_higher_epoch",
    "repo-behind": "test_f33__a_branch_that_went_back_holds_and_goes_on_when_it_moves_on",
    "ref-missing": "test_f35__a_deleted_branch_holds_until_it_is_there_again",
    "ref-unreadable": "test_f40__a_damaged_ref_holds_until_it_is_mended",
    "repo-unreadable": "test_a_repository_that_is_moved_away_holds_until_it_is_back",
    "paused": "test_paused_serves_on_sees_commits_lasts_over_restarts_and_ends_with_resume",
    "client-id-conflict": "test_f10__two_daemons_with_one_client_id_are_told_even_if_the_broker_says_nothing",
    "broker-refused": "test_a_refused_connection_ends_when_the_broker_lets_us_in",
    "broker-tls": "test_f63__a_ca_file_that_is_replaced_is_believed_at_the_next_try",
    "broker-away": "test_f68__a_keepalive_of_somebody_else_is_told_until_the_next_connection",
    "publish-refused": "test_a_refused_topic_ends_when_the_broker_allows_it",
    "topic-conflict": "test_f68__a_keepalive_of_somebody_else_is_told_until_the_next_connection",
    "snapshot-unwritable": "test_f17__no_space_for_the_snapshot_degrades_and_the_old_one_stays",
    "disk-low": "test_disk_low_is_told_before_the_disk_is_full_and_ends_with_room",
    "poll-only": "test_f49__without_inotify_the_branch_is_polled_until_it_is_to_be_had",
    "ok": "test_f68__a_keepalive_of_somebody_else_is_told_until_the_next_connection",
    "initializing": "test_f7__storms_of_signals_change_no_state_and_lose_no_epoch",
    "empty": "test_f36__an_empty_repository_waits_and_begins_with_the_first_commit",
    "rejected": "test_a_rejected_tip_is_told_beside_a_state_that_is_ok",
    "committed": "test_a_start_with_the_broker_down_commits_and_publishes_when_it_comes",
    "published": "test_a_start_with_the_broker_down_commits_and_publishes_when_it_comes",
    "superseded": "test_a_start_with_the_broker_down_commits_and_publishes_when_it_comes",
}


@pytest.mark.parametrize("row", STATES, ids=[row[1] for row in STATES])
def test_every_state_is_entered_and_left_by_a_test(row):
    tests = "\n".join(path.read_text() for path in sorted((ROOT / "tests/integration").glob("test_*.py")))
    kind, name = row[:2]
    body = re.split(r"\n(?=def |@)", tests.split(f"def {LIVED[name]}(", 1)[1])[0]
    label = name if kind == "PLAIN" else f"{kind.lower()}:{name}"
    assert f'"{label}"' in body and ('"ok"' in body or "in-force" in body), "it names the state, and what comes after it"


def test_operations_tells_no_state_that_is_gone():
    table = OPERATIONS.split("## 4. States")[1].split("\n## ")[0]
    assert len(re.findall(r"^\| `[a-z:-]+` \|", table, re.M)) == len(STATES)


def test_the_manual_lists_every_hold_and_degradation():
    text = (MAN / "epochd.8.scd").read_text()
    for kind, title in (("HOLD", "Holds"), ("DEGRADED", "Degradations")):
        listed = re.search(rf"{title}: (.*?)\.\s", text, re.S).group(1)
        assert re.findall(r"\*([a-z-]+)\*", listed) == [row[1] for row in STATES if row[0] == kind]


def test_every_fault_stands_in_security_with_codes_that_exist():
    listed = re.findall(r"^(F\d+)\s+(\S.*)$", (ROOT / "tests/faults.txt").read_text(), re.M)
    rows = re.findall(r"^\| (F\d+) \| (.*?) \| .*? \| (.*?) \|$", (DOCS / "SECURITY.md").read_text(), re.M)
    known = CODES + [row[1] for row in STATES]
    assert [(number, fault) for number, fault, _ in rows] == listed
    for number, _, codes in rows:
        for code in re.findall(r"`([^`]+)`", codes):
            assert any(name == code or code == f"{name.split('.')[0]}.*" for name in known), (number, code)


def epochctl(*args):
    return subprocess.run([BUILD / "epochctl", *args], stdout=subprocess.PIPE, text=True, check=True).stdout


def test_the_manual_has_every_verb_and_option_from_the_table():
    """Both marks stand once in epochctl(1), where make puts what the table says; nothing of it is written a second time."""
    page = (MAN / "epochctl.1.scd").read_text().splitlines()
    assert [page.count(mark) for mark in ("@options@", "@verbs@")] == [1, 1]
    assert not [line for line in page if line.startswith("## ")]
    listed = re.findall(r"^  ([a-z-]+) +\S", epochctl("help").split("\n\n")[1], re.M)
    described = re.findall(r"^## ([a-z-]+)", epochctl("help", "--manual", "verbs"), re.M)
    blocks = re.findall(r"^const struct cli_verb verb_\w+ = \{$(.*?)^\};$", source("cli/cmd_*.c"), re.M | re.S)
    table = [re.search(r'\.name = "([a-z-]+)"', block)[1] for block in blocks if "\n    .is_hidden = true" not in block]
    assert listed == described and sorted(listed) == sorted(table)


def test_every_option_of_the_daemon_stands_in_its_manual():
    words = {word for words in bold((MAN / "epochd.8.scd").read_text()) for word in words.split()}
    missing = [option for option in names(LONG_OPTIONS, source("daemon/app.c")) if f"--{option}" not in words]
    assert missing == []


def test_every_setting_stands_in_its_manual():
    page = bold((MAN / "epochd.yaml.5.scd").read_text())
    keys = names(r"\n    SETTING\(([a-z_.]+), ", source("config/settings_table.c"))
    assert [key for key in keys if key not in page] == []


def test_every_metric_stands_in_operations():
    metrics = names(r'(?:head|number|seconds|histogram)\(out, "([a-z_]+)"', source("daemon/metrics.c"))
    assert [metric for metric in metrics if not re.search(rf"`epochd_{metric}[`{{]", OPERATIONS)] == []


def test_every_log_event_stands_in_operations():
    events = names(EVENT, re.sub(r"\s+", " ", source("daemon/*.c")))
    assert len(events) > 25, "the pattern finds the events"
    table = OPERATIONS.split("## 9. Log events")[1].split("\n## ")[0]
    assert [event for event in events if f"`{event}`" not in table] == []


def test_every_module_stands_in_the_architecture():
    """A module is a header; what only its own files share (_priv) is not one."""
    page = (DOCS / "ARCHITECTURE.md").read_text()
    for floor in ("util", "model", "schema", "io", "verify", "config", "daemon", "cli", "client"):
        section = page.split(f"### {floor}: floor")[1].split("\n##")[0]
        modules = [path.stem for path in sorted((SRC / floor).glob("*.h")) if not path.stem.endswith("_priv")]
        assert [module for module in modules if f"**{module}**" not in section] == [], floor


def anchor(heading):
    """GitHub's: lower case, blanks to hyphens, everything else that is no word character gone."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.+)$", there.read_text(), re.M)
            assert fragment in {anchor(heading) for heading in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_test_that_is_named_is_there(page):
    """`tests/unit/test_x.c`, `test_x.c` or `test_a_sentence`: proof that is named has to exist."""
    sources = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.*") if path.suffix in (".py", ".c")}
    everything = "\n".join(sources.values())
    for file in re.findall(r"\b(test_[a-z0-9_]+\.(?:c|py))\b", page.read_text()):
        assert file in sources, file
    for function in re.findall(r"`(test_[a-z0-9_]+)`", page.read_text()):
        assert f"def {function}(" in everything, function
