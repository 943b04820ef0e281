"""epochctl log: every verdict, who, when, what and why."""
import json
import re

import pytest
from harness import Daemon
from worlds import MEMORY, STT, damage, in_copy, on_terminal, rotate


def test_log_tells_every_verdict_newest_first(world):
    rows = json.loads(world.ctl("log", "--json", check=0).stdout)
    c = world.commits
    assert [(row["epoch"], row["verdict"], row["commit"], row["code"], row["changed"]) for row in rows] == [
        (8, "published", c[8], None, 1), (7, "published", c[7], None, 1), (6, "superseded", c[6], None, 1),
        (5, "published", c[5], None, 1), (None, "superseded", world.superseded, None, 0),
        (None, "rejected", world.bad, "yaml.duplicate-key", 0), (2, "published", c[2], None, 1), (1, "published", c[1], None, 6)]
    assert {row["author"] for row in rows} == {"Ada <ada@example.org>"}
    assert [row["subject"] for row in rows][:2] == ["memory-worker: not any more", "stt-worker: seven"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"]) for row in rows)


def test_log_elsewhere_is_one_row_a_line_its_cells_parted_by_tabs(world):
    rows = [line.split("\t") for line in world.ctl("log", check=0).stdout.splitlines()]
    assert [row[0] for row in rows] == ["8", "7", "6", "5", "-", "-", "2", "1"]
    time = rows[0].pop(2)
    assert re.fullmatch(r"[\d-]+T[\d:]+Z", time)
    assert rows[0] == ["8", world.commits[8][:12], "published", "memory-worker deleted", "Ada <ada@example.org>", "memory-worker: not any more"]
    assert rows[1][4] == "stt-worker updated" and rows[7][4] == "6 created"
    assert rows[5][3:] == ["rejected [yaml.duplicate-key]", "", "Ada <ada@example.org>", f"{STT}:3:1: key 'a' stands twice: first at 1:1"]


def test_log_on_a_terminal_has_columns_as_wide_as_it_is(world):
    for columns in (200, 100):
        lines = on_terminal(world, columns, "log").splitlines()
        assert lines[0].split() == ["EPOCH", "COMMIT", "TIME", "VERDICT", "CHANGED", "AUTHOR", "WHY"] and len(lines) == 9
        at = lines[0].index("VERDICT")
        assert {line[at:].split()[0] for line in lines[1:]} == {"published", "superseded", "rejected"}
        assert columns < 110 or max(map(len, lines)) <= columns


def test_log_tells_what_was_done_to_each_service(world):
    rows = json.loads(world.ctl("log", "--json", check=0).stdout)
    assert rows[0]["actions"] == [{"action": "deleted", "service": "memory-worker"}]
    assert rows[1]["actions"] == [{"action": "updated", "service": "stt-worker"}]
    assert [change["action"] for change in rows[7]["actions"]] == ["created"] * 6
    assert rows[5]["actions"] == [] and rows[5]["reason"].startswith(f"{STT}:3:1: ")
    assert {row["reason"] for row in rows if row["verdict"] != "rejected"} == {None}


def test_log_tells_a_rollback_and_a_service_that_came_back(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    home.commit({MEMORY: None}, "memory-worker: not any more")
    daemon.committed(2)
    home.git("revert", "--no-edit", "HEAD")
    daemon.committed(3)
    home.commit({"services/fresh.yaml": "a: 1\n", MEMORY: "a: 1\n"}, "fresh: begin\n\nEpoch-Rollback: 1")
    daemon.committed(4)
    home.commit({"services/new.yaml": "a: 1\n", MEMORY: "a: 2\n"}, "new: begin")
    daemon.committed(5)
    actions = [[(change["service"], change["action"]) for change in row["actions"]] for row in json.loads(daemon.ctl("log", "--json").stdout)]
    assert actions[:4] == [[("memory-worker", "updated"), ("new", "created")], [("fresh", "rollback"), ("memory-worker", "rollback")],
                           [("memory-worker", "rollback")], [("memory-worker", "deleted")]]


@pytest.mark.parametrize(("option", "value", "epochs"), [
    ("--since", "1h", [8, 7, 6, 5, None, None, 2, 1]), ("--since", "2100-01-01", []), ("--until", "2100-01-01", [8, 7, 6, 5, None, None, 2, 1]),
    ("--until", "1h", []), ("--until", "2000-01-01 10:30", []), ("--since", "2000-01-01T10:30:00Z", [8, 7, 6, 5, None, None, 2, 1]),
    ("--since", "yesterday", [8, 7, 6, 5, None, None, 2, 1]), ("--until", "yesterday", []), ("--until", "2.days.ago", []),
    ("--since", "2 hours ago", [8, 7, 6, 5, None, None, 2, 1]),
])
def test_log_between_two_times(world, option, value, epochs):
    result = world.ctl("log", option, value, "--json", check=0)
    assert [row["epoch"] for row in json.loads(result.stdout)] == epochs
    assert ("nothing of that time" in result.stderr) == (not epochs)


@pytest.mark.parametrize("value", ["", "last tuesday", "2026-13-01", "12", "3y", "-1h", "99999999999999h", "2026-11-21T25:00:00Z"])
def test_log_refuses_what_is_no_time(world, value):
    assert "--since takes 2026-11-21" in world.ctl("log", f"--since={value}", check=2).stderr


def test_log_escapes_for_people_and_not_for_programs(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    subject = "red \x1b[31m and back \u202e to \\ \x9b1m"
    home.commit({STT: "rate: 2\n"}, subject)
    daemon.committed(2)
    assert json.loads(daemon.ctl("log", "--json", check=0).stdout)[0]["subject"] == subject
    for shown in (daemon.ctl("log", check=0).stdout, daemon.ctl("--color", "always", "log", check=0).stdout.replace("\x1b[0m", ""),
                  daemon.ctl("show", "stt-worker", check=0).stdout):
        assert "red \\x1b[31m and back \\u202e to \\ \\xc2\\x9b1m" in shown


@pytest.mark.parametrize(("count", "rows"), [("1", 1), ("3", 3), ("8", 8), ("100", 8)])
def test_log_limits(world, count, rows):
    assert len(json.loads(world.ctl("log", "-n", count, "--json", check=0).stdout)) == rows
    assert len(world.ctl("log", f"-n{count}", check=0).stdout.splitlines()) == rows


@pytest.mark.parametrize("count", ["0", "101", "-1", "x", "", "1.5", "99999999999999999999"])
def test_log_refuses_a_count_beyond_its_limits(world, count):
    assert "-n takes a number from 1 to 100" in world.ctl("log", "-n", count, check=2).stderr


def test_log_of_a_service(world):
    rows = json.loads(world.ctl("log", "stt-worker", "--json", check=0).stdout)
    assert [row["epoch"] for row in rows] == [7, 6, 5, 2, 1]
    assert [row["epoch"] for row in json.loads(world.ctl("log", "memory-worker", "--json", "-n", "1", check=0).stdout)] == [8]
    assert [row["epoch"] for row in json.loads(world.ctl("log", "stt-worker", "--json", "--since", "1h", check=0).stdout)] == [7, 6, 5, 2, 1]


def test_log_of_a_service_that_never_was_is_an_error(world):
    nobody = world.ctl("log", "nobody", "--json", check=2)
    assert nobody.stdout == "" and nobody.stderr == "epochctl: the journal never had a service 'nobody' [no-service]\n"
    assert 'did you mean "router"?' in world.ctl("log", "ruter", "--since", "1s", check=2).stderr
    gone = world.ctl("log", "memory-worker", "--until", "2001-01-01", check=0)
    assert gone.stdout == "" and gone.stderr == "epochctl: no epoch of that time changed memory-worker\n"


def test_log_without_the_repository_keeps_its_verdicts(world, tmp_path):
    rows = json.loads(world.ctl("log", "--json", EPOCHD_REPOSITORY_PATH=str(tmp_path / "gone"), check=0).stdout)
    assert len(rows) == 8 and {row["author"] for row in rows} == {None}


def test_log_refuses_a_damaged_journal(world, copy):
    damage(copy / "journal.jsonl", b'"kind":"superseded"', b'"kind":"supersedee"')
    assert "[journal-corrupt]" in in_copy(world, copy, "log", check=3).stderr


def test_log_and_show_read_older_journal_files(world, copy):
    name = rotate(copy)
    in_copy(world, copy, "verify", "journal", check=0)
    in_copy(world, copy, "verify", "journal", name, check=0)
    rotate(copy)
    assert [row["epoch"] for row in json.loads(in_copy(world, copy, "log", "--json", check=0).stdout)] == [8, 7, 6, 5, None, None, 2, 1]
    assert [row["epoch"] for row in json.loads(in_copy(world, copy, "log", "-n", "2", "--json", check=0).stdout)] == [8, 7]
    assert json.loads(in_copy(world, copy, "show", "stt-worker", "--at", "5", "--json", check=0).stdout)["config"] == {"rate": 5}
