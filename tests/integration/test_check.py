"""epochctl check: what it finds, of which revision or files, in which repository."""
import json
import re
import shutil

import pytest
from harness import ROOT, Repo, ctl, run
from worlds import BAD, STT


def bad_fixtures():
    """Every folder tests/fixtures/bad-*, with the code and the place that tests/unit/test_fixtures.c expects of it."""
    codes = dict(re.findall(r'^CODE\((\w+), "([^"]+)"', (ROOT / "src/model/codes.def").read_text(), re.M))
    text = (ROOT / "tests/unit/test_fixtures.c").read_text()
    service = re.search(r'#define SERVICE "([^"]+)"', text)[1]
    rows = re.findall(r'\{"(bad-[^"]+)", CODE_(\w+), (?:SERVICE|"([^"]+)"), \{(\d+), (\d+)\}\}', text)
    table = {name: (codes[code], file or service, int(line), int(column)) for name, code, file, line, column in rows}
    names = sorted(path.name for path in (ROOT / "tests/fixtures").glob("bad-*"))
    return [pytest.param(name, table.get(name), id=name) for name in names]


@pytest.mark.parametrize(("name", "wanted"), bad_fixtures())
def test_check_finds_what_is_bad(tmp_path, name, wanted):
    assert wanted, f"tests/unit/test_fixtures.c does not know {name}"
    code, file, line, column = wanted
    shutil.copytree(ROOT / "tests/fixtures" / name, tmp_path / "config", symlinks=True)
    place = f"{file}:{line}:{column}" if line else file
    result = ctl("check", "--worktree", cwd=tmp_path / "config", check=1)
    assert [found for found in result.stdout.splitlines() if found.startswith(f"{place}: ") and found.endswith(f" [{code}]")]
    assert result.stdout.splitlines()[-1].startswith("refused: 1 error, ")
    told = json.loads(ctl("check", "--worktree", "--json", cwd=tmp_path / "config", check=1).stdout)
    errors = [finding for finding in told["findings"] if finding["severity"] == "error"]
    assert [(e["code"], e["file"], e["line"], e["column"]) for e in errors] == [(code, file, line, column)]
    assert (told["ok"], told["errors"], told["services"]) == (False, 1, None)


@pytest.mark.parametrize("path", sorted((ROOT / "tests/fixtures").glob("good-*")), ids=lambda path: path.name)
def test_check_accepts_what_is_good(tmp_path, path):
    shutil.copytree(path, tmp_path / "config")
    result = ctl("check", "--worktree", cwd=tmp_path / "config", check=0)
    assert re.fullmatch(r"ok: \d+ services?( \(no file under services/\))?, \d+ warnings?", result.stdout.splitlines()[-1])


def test_check_judges_the_revision_that_is_named(home):
    good = home.head()
    bad = home.commit({STT: BAD})
    home.git("tag", "v1", good)
    assert ctl("check", cwd=home.path, check=1).stdout.startswith(f"{STT}:3:1: ")
    for revision in (bad[:10], "main", "HEAD"):
        ctl("check", revision, cwd=home.path, check=1)
    for revision in (good, "v1", "HEAD~1", "main^"):
        assert ctl("check", revision, cwd=home.path, check=0).stdout == "ok: 6 services, 0 warnings\n"
    assert "there is no commit 'nowhere'" in ctl("check", "nowhere", cwd=home.path, check=3).stderr
    assert "a revision, or A..B" in ctl("check", "", cwd=home.path, check=2).stderr  # an unset variable of a pipeline is not HEAD


def test_check_tells_staged_from_committed_from_the_files(home):
    home.write({STT: BAD})
    home.git("add", STT)
    home.write({STT: "rate: 1\n", "services/router.yaml": "[]\n"})
    ctl("check", cwd=home.path, check=0)
    assert STT in ctl("check", "--staged", cwd=home.path, check=1).stdout
    assert "services/router.yaml" in ctl("check", "--worktree", cwd=home.path / "services/audio", check=1).stdout


def test_check_finds_the_repository(home, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    ctl("check", cwd=home.path / "services/audio", check=0)
    ctl("-C", home.path, "check", check=0)
    ctl("check", cwd=empty, EPOCHD_REPOSITORY_PATH=str(home.path), check=0)
    assert f"at or above '{empty}' [repo.missing]" in ctl("-C", empty, "check", check=3).stderr
    assert f"-C {tmp_path}/gone: No such file or directory" in ctl("-C", tmp_path / "gone", "check", check=3).stderr


@pytest.mark.parametrize("verb", [["check"], ["set", "stt", "rate=1"], ["rm", "stt"], ["rollback"], ["profile", "use", "night"]],
                         ids=lambda verb: verb[0])
def test_where_no_repository_is_verbs_say_where_they_looked(tmp_path, verb):
    lost = ctl(*verb, cwd=tmp_path, EPOCHD_REPOSITORY_PATH=str(tmp_path / "gone"), check=3)
    assert "there is no git repository at or above the current folder, and in the settings: " in lost.stderr
    assert str(tmp_path / "gone") in lost.stderr and lost.stderr.endswith("[repo.missing]\n")


def test_check_works_in_a_bare_repository_and_before_the_first_commit(home, tmp_path):
    run("git", "clone", "-q", "--bare", home.path, tmp_path / "bare.git", check=0)
    ctl("check", cwd=tmp_path / "bare.git", check=0)
    fresh = Repo(tmp_path / "fresh")
    fresh.write({"services/a.yaml": BAD})
    assert "there is no commit 'HEAD': HEAD's branch has none yet; git commit makes the first [repo.rev]" in ctl("check", cwd=fresh.path, check=3).stderr
    ctl("check", "--worktree", cwd=fresh.path, check=1)
    fresh.git("add", "-A")
    ctl("check", "--staged", cwd=fresh.path, check=1)


def test_check_of_a_folder_does_not_care_for_settings_that_are_broken(tmp_path):
    (tmp_path / "epochd.yaml").write_text("nonsense: [\n")
    (tmp_path / "services").mkdir()
    (tmp_path / "services/a.yaml").write_text("rate: 1\n")
    assert "ok: 1 service," in ctl("check", "--worktree", cwd=tmp_path, EPOCHD_CONFIG=str(tmp_path / "epochd.yaml"), check=0).stdout
