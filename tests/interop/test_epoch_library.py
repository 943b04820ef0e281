"""libepoch as it is built: what it links, what can be seen of it, and that a stranger's program gets by with the header and pkg-config."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
SHARED, STATIC = BUILD / "libepoch.so.0", BUILD / "libepoch.a"
ALLOWED = {"libsodium.so.23", "libmosquitto.so.1", "libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6", "libpthread.so.0"}
STRANGER = """#include <epoch/epoch.h>
#include <stdio.h>
int main(void)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    options.service = "stt-worker";
    options.root_text = "nothing";
    int rc = epoch_open(&client, &options, &error);
    printf("%s %d %s", epoch_version(), rc, error.code);
    return 0;
}
"""


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, text=True, capture_output=True).stdout


def declared():
    return set(re.findall(r"^EPOCH_API [^;]*?\b(epoch_\w+)\(", (ROOT / "include/epoch/epoch.h").read_text(), re.M))


def test_it_links_libsodium_and_libmosquitto_alone():
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-d", SHARED)))
    sanitizers = {name for name in needed if re.match(r"lib(asan|ubsan|tsan|gcov)", name)}
    assert needed - sanitizers <= ALLOWED, needed
    assert {"libsodium.so.23", "libmosquitto.so.1"} <= needed
    assert re.search(r"SONAME.*\[libepoch\.so\.0\]", output("readelf", "-d", SHARED))


def test_the_names_of_the_header_and_no_others_can_be_seen_with_their_versions():
    exported = dict(re.findall(r" [TDBR] (\w+)@@(\w[\w.]*)", output("nm", "-D", "--defined-only", "--with-symbol-versions", SHARED)))
    assert set(exported) == declared()
    assert set(exported.values()) == {"LIBEPOCH_0.1"}
    archived = set(re.findall(r" [TDBRVWC] (\w+)", output("nm", "-g", "--defined-only", STATIC)))
    assert {name for name in archived if not name.startswith(("__asan", "__odr", "__gcov"))} == declared()


def test_it_stays_where_it_is_when_it_is_unloaded():
    assert "NODELETE" in output("readelf", "-d", SHARED)


def test_it_is_hardened_and_may_be_loaded_at_run_time():
    if "-" in BUILD.name:
        pytest.skip("a sanitizer's build is not hardened")
    dynamic, headers = output("readelf", "-d", SHARED), output("readelf", "-lW", SHARED)
    assert "BIND_NOW" in dynamic and "GNU_RELRO" in headers and "NODLOPEN" not in dynamic and "TEXTREL" not in dynamic
    assert re.search(r"GNU_STACK.* RW ", headers)


@pytest.mark.parametrize("static", [False, True])
def test_a_stranger_builds_with_what_install_gives(tmp_path, static):
    if "-" in BUILD.name:
        pytest.skip("a sanitizer's library wants a sanitizer's program")
    install = ["make", "-s", "-C", ROOT, "install", f"DESTDIR={tmp_path}", "PREFIX=/usr", f"O={BUILD.relative_to(ROOT)}"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    env = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(tmp_path), "PKG_CONFIG_PATH": f"{tmp_path}/usr/lib/pkgconfig"}
    flags = ["pkg-config", "--cflags", "--libs", *(["--static"] if static else []), "epoch"]
    words = subprocess.run(flags, env=env, check=True, text=True, capture_output=True).stdout.split()
    if static:
        words = [f"{tmp_path}/usr/lib/libepoch.a" if word == "-lepoch" else word for word in words if not word.startswith(f"-L{tmp_path}")]
        words += ["-lsodium", "-lmosquitto", "-pthread"]
    (tmp_path / "main.c").write_text(STRANGER)
    subprocess.run(["gcc", "-std=c99", "-o", tmp_path / "main", tmp_path / "main.c", *words], check=True)
    env["LD_LIBRARY_PATH"] = f"{tmp_path}/usr/lib"
    assert re.fullmatch(r"\d+\.\d+\.\d+ -1 key-file", subprocess.run([tmp_path / "main"], env=env, check=True, text=True, capture_output=True).stdout)
