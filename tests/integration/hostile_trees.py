"""Trees that no git command would write, put into a repository's object database byte by byte.

    repo = pathlib.Path("config")                       # work tree or bare
    tree = root(repo, services=[blob(repo, "stt.yaml", "rate: 1\\n"), blob(repo, "../x.yaml", "x: 1\\n")])
    commit_tree(repo, tree, branch="main")              # the branch moves there; a work tree is not touched

An entry is (mode, name, id); names are str or bytes and may hold anything but NUL. `ALL` maps a speaking name to a
function that takes the repository and gives entries that should be refused; `services` puts them beside a good service.
"""
import os
import subprocess

FILE, EXEC, LINK, MODULE, FOLDER = "100644", "100755", "120000", "160000", "40000"
GOOD = "rate: 1\n"
ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


def git(repo, *args, stdin=b""):
    """What git prints, without the line's end."""
    done = subprocess.run(["git", "-C", str(repo), *args], input=stdin, capture_output=True, env=ENVIRONMENT)
    if done.returncode != 0:
        raise RuntimeError(f"git {' '.join(args)}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode().strip()


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def write_object(repo, kind, content):
    """The id of an object of this kind and content, whatever git thinks of it."""
    return git(repo, "hash-object", "-t", kind, "--literally", "-w", "--stdin", stdin=as_bytes(content))


def write_tree(repo, entries):
    """The id of a tree of exactly these entries, in this order: not sorted, not checked, names may repeat."""
    raw = b"".join(as_bytes(mode) + b" " + as_bytes(name) + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return write_object(repo, "tree", raw)


def blob(repo, name, content, mode=FILE):
    return mode, name, write_object(repo, "blob", content)


def folder(repo, name, entries):
    return FOLDER, name, write_tree(repo, entries)


def link(repo, name, target):
    """A symlink; nothing has to be at `target`."""
    return blob(repo, name, target, LINK)


def module(name, oid="1" * 40):
    """A submodule; the commit is nowhere."""
    return MODULE, name, oid


def missing(name, oid="2" * 40, mode=FILE):
    """An entry whose object is not in the repository."""
    return mode, name, oid


def nested(repo, depth, entries, name="f"):
    """One folder with `depth` - 1 more in it, and the entries in the last."""
    for _ in range(depth):
        entries = [folder(repo, name, entries)]
    return entries[0]


def repeated(repo, width, depth, leaf):
    """A folder of width ** depth files in depth + 1 objects: a bomb."""
    entries = [(leaf[0], f"s{i}.yaml", leaf[2]) for i in range(width)]
    for _ in range(depth - 1):
        oid = write_tree(repo, entries)
        entries = [(FOLDER, f"f{i}", oid) for i in range(width)]
    return folder(repo, "bomb", entries)


def root(repo, **areas):
    """The id of a root tree; each area is a list of entries, or a string for a file (epoch_yaml for epoch.yaml)."""
    entries = []
    for name, content in sorted(areas.items()):
        name = name.replace("_", ".")
        entries.append(blob(repo, name, content) if isinstance(content, (str, bytes)) else folder(repo, name, content))
    return write_tree(repo, entries)


def commit_tree(repo, tree, branch="main", message="hostile", parent=None):
    """A commit of the tree on top of the branch (or of `parent`), to which the branch is moved. Its id."""
    if parent is None:
        found = subprocess.run(["git", "-C", str(repo), "rev-parse", "-q", "--verify", f"refs/heads/{branch}"],
                               capture_output=True, env=ENVIRONMENT)
        parent = found.stdout.decode().strip()
    who = "-c", "user.name=Eve", "-c", "user.email=eve@example.org"
    oid = git(repo, *who, "commit-tree", tree, "-m", message, *(["-p", parent] if parent else []))
    git(repo, "update-ref", f"refs/heads/{branch}", oid)
    return oid


ALL = {
    "a path that leaves the folder": lambda repo: [blob(repo, "../x.yaml", GOOD)],
    "a slash in a name": lambda repo: [blob(repo, "a/b.yaml", GOOD)],
    "an absolute path": lambda repo: [blob(repo, "/etc/passwd", GOOD)],
    "no name": lambda repo: [blob(repo, "", GOOD)],
    "a name of 4 KB": lambda repo: [blob(repo, "x" * 4096, GOOD)],
    "a line break in a name": lambda repo: [blob(repo, "a\nb.yaml", GOOD)],
    "a terminal's escape in a name": lambda repo: [blob(repo, "a\x1b[2Jb.yaml", GOOD)],
    "a name that is no UTF-8": lambda repo: [blob(repo, b"\xff\xfe.yaml", GOOD)],
    "a name of MQTT's wildcards": lambda repo: [blob(repo, "#.yaml", GOOD), blob(repo, "+.yaml", GOOD)],
    "one name twice": lambda repo: [blob(repo, "twin.yaml", "a: 1\n"), blob(repo, "twin.yaml", "a: 2\n")],
    "a file and a folder of one name": lambda repo: [blob(repo, "twin", GOOD), folder(repo, "twin", [])],
    "a symlink": lambda repo: [link(repo, "link.yaml", "/etc/passwd")],
    "a symlink for a folder": lambda repo: [link(repo, "linked", "../bases")],
    "a submodule": lambda repo: [module("module")],
    "an unknown mode": lambda repo: [blob(repo, "fifo.yaml", GOOD, "10644")],
    "a mode that is no number": lambda repo: [blob(repo, "odd.yaml", GOOD, "rw-r--")],
    "a blob that is said to be a folder": lambda repo: [blob(repo, "blob", GOOD, FOLDER)],
    "a folder that is said to be a blob": lambda repo: [(FILE, "tree.yaml", write_tree(repo, []))],
    "a file that is empty": lambda repo: [blob(repo, "empty.yaml", "")],
    "a file that is missing": lambda repo: [missing("gone.yaml")],
    "a folder that is missing": lambda repo: [missing("gone", mode=FOLDER)],
    "a file of 2 MiB": lambda repo: [blob(repo, "large.yaml", "a: " + "x" * (2 << 20) + "\n")],
    "folders too deep": lambda repo: [nested(repo, 4, [blob(repo, "deep.yaml", GOOD)])],
    "a tree that is cut off": lambda repo: [(FOLDER, "cut", write_object(repo, "tree", b"100644 x.yaml\0abc"))],
    "a tree that repeats itself": lambda repo: [repeated(repo, 300, 3, blob(repo, "s.yaml", GOOD))],
}


def services(repo, case):
    """The id of a root tree with a good service and the entries of the case."""
    return root(repo, services=[blob(repo, "good.yaml", GOOD), *ALL[case](repo)])
