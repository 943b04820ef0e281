"""epochctl setup, where it cannot go on."""

from harness import EPOCHCTL, as_stranger, ctl, run


def test_setup_says_first_who_may(open_folder):
    """Whoever is not root is told so, and not of a user that only the package makes."""
    (open_folder / "epochctl").write_bytes(EPOCHCTL.read_bytes())
    (open_folder / "epochctl").chmod(0o755)
    refused = run(open_folder / "epochctl", "setup", wrapper=as_stranger(), check=3)
    assert "this is for root: sudo epochctl setup …; for yourself alone: epochctl setup --user [setup-failed]" in refused.stderr


def test_setup_for_oneself_refuses_a_url_that_is_none(tmp_path):
    refused = ctl("setup", "--user", "--dry-run", "--mqtt", "broker", HOME=str(tmp_path), check=3)
    assert refused.stdout == "" and "[settings]" in refused.stderr
    shown = ctl("setup", "--user", "--dry-run", "--mqtt", "off", HOME=str(tmp_path), check=0).stdout
    assert 'url: "off"' in shown and not (tmp_path / ".config").exists()
