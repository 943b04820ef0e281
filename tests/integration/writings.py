"""What tests of the verbs that write begin with, and what must be the same when such a verb refused."""

from harness import EPOCHCTL, ctl, run

STT = "services/audio/stt-worker.yaml"
TEXT = """\
# Ears.
model: base   # small is faster

audio:
    rate: 16000
    device: 'hw:0'
# The end.
"""


def commented(home):
    """The six services, of which stt-worker has comments; hooks are installed."""
    home.commit({STT: TEXT}, "stt")
    ctl("init", home.path, check=0)
    return home


def at(repo, *args, check=None, **options):
    return run(EPOCHCTL, "-C", repo.path, *args, check=check, **options)


def text(repo, path=STT, rev="HEAD"):
    return repo.git("show", f"{rev}:{path}").stdout


def untouched(repo):
    """What must be the same when a verb has refused."""
    return repo.head(), repo.git("status", "--porcelain").stdout, [(p, p.read_bytes()) for p in sorted(repo.path.glob("services/**/*.yaml"))]
