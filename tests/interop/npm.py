"""npm: packages from the registry, unpacked under build/npm and kept there. Data for tests, and what they compare with.

A package is NAME@VERSION, one version for ever, fetched without its dependencies and without running anything of it.
"""
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/npm"
NODE, NPM = shutil.which("node"), shutil.which("npm")
REGISTRY_S = 240


def ask_registry(folder, *words):
    """What npm did there; the test is skipped, loudly, if it waits for the registry without end."""
    try:
        return subprocess.run([NPM, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=REGISTRY_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"NOT TESTED: npm {words[0]} did not end in {REGISTRY_S} s; no registry?")


def folder_of(package):
    return CACHE / package.replace("/", "+")


def unpack(tarball, package):
    """The files of the tarball without its first folder; all of them or, for another who comes meanwhile, none."""
    with tempfile.TemporaryDirectory(dir=CACHE) as work, tarfile.open(tarball) as archive:
        archive.extractall(work)
        (inner,) = Path(work).iterdir()
        try:
            os.rename(inner, folder_of(package))
        except OSError:
            if not folder_of(package).is_dir():
                raise


def need(packages):
    """Fetches what is not there yet; the test is skipped, loudly, if that cannot be."""
    if NODE is None or NPM is None:
        pytest.skip("NOT TESTED: no node and npm to compare with")
    CACHE.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if not folder_of(package).is_dir()]
    if not missing:
        return
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        run = ask_registry(work, "pack", "--silent", "--ignore-scripts", *missing)
        tarballs = run.stdout.split()
        if run.returncode != 0 or len(tarballs) != len(missing):
            pytest.skip(f"NOT TESTED: npm pack says {run.returncode} {run.stderr.strip()[:200]}; no registry?")
        for package, tarball in zip(missing, tarballs):
            unpack(Path(work) / tarball, package)


# What ajv needs, laid out as node looks for it.
AJV = ["ajv@8.17.1", "ajv-formats@3.0.1", "fast-deep-equal@3.1.3", "fast-uri@3.0.6", "json-schema-traverse@1.0.0",
       "require-from-string@2.0.2", "yaml@2.5.1"]


def node_modules():
    """A node_modules with ajv in it; give its parent to node as the working folder."""
    need(AJV)
    modules = CACHE / "ajv" / "node_modules"
    modules.mkdir(parents=True, exist_ok=True)
    for package in AJV:
        link = modules / package.split("@")[0]
        if not link.exists():
            try:
                link.symlink_to(folder_of(package))
            except FileExistsError:
                pass
    return modules
