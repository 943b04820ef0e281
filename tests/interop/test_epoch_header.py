"""include/epoch/epoch.h: one public door, that opens for C99 and for C++ without a warning."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include/epoch/epoch.h"
USE = """#include <epoch/epoch.h>
int main(void)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_status status = EPOCH_STATUS_INIT;
    return options.size == sizeof options && status.size == sizeof status ? 0 : 1;
}
"""
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", f"-I{ROOT / 'include'}", "-fsyntax-only"]


@pytest.mark.parametrize("compiler, language, standard", [("gcc", "c", "c99"), ("gcc", "c", "c17"), ("clang", "c", "c99"), ("g++", "c++", "c++11"),
                                                          ("g++", "c++", "c++20"), ("clang++", "c++", "c++17")])
def test_the_header_compiles_alone(compiler, language, standard):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    done = subprocess.run([compiler, f"-std={standard}", *WARNINGS, "-x", language, "-"], input=USE, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_else_carries_the_prefix_and_each_name_is_documented():
    text = HEADER.read_text()
    functions = re.findall(r"^EPOCH_API [^;]*?\b(\w+)\(", text, re.M)
    assert len(functions) == len(set(functions)) > 40
    assert all(name.startswith("epoch_") for name in functions)
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if line.startswith("EPOCH_API") and "/*" not in line:
            above = lines[at - 1].strip()
            # A comment stands above the function, or above the group it is in.
            assert above.endswith(("*/", ";")) or above.startswith("EPOCH_API"), line
