"""Builds the Ansible collection capra.machine, with the parts of the Python package `capra` that its plugins use in it.

    python scripts/collection.py [--output DIRECTORY | --stage DIRECTORY]

The archive needs ansible-core alone for the roles, and what its requirements.txt says for the inventory plugin. The
modules that the plugins import, and those that these import, stand below plugins/plugin_utils/vendored, and every
import of `capra` leads there: a package `capra` beside Ansible, of whatever version, is not looked at.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "provider" / "capra"
PLACE = Path("plugins", "plugin_utils", "vendored")
NAME = "ansible_collections.capra.machine.plugins.plugin_utils.vendored"
PARTS = (
    *("galaxy.yml", "README.md", "LICENSE", "CHANGELOG.md", "requirements.txt", "bindep.txt"),
    *("meta", "playbooks", "plugins", "roles", "changelogs"),
)
"""What of the checkout is the collection."""

RELEASES = {
    "2.17": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
}
"""Releases of ansible-core, each with the versions of Python that its control node runs on."""

FROM = re.compile(r"^(\s*)from capra(\.[\w.]+)? import ", re.MULTILINE)
WHOLE = re.compile(r"^(\s*)import capra$", re.MULTILINE)


def stage(target: Path) -> None:
    """Lay the collection out in this directory, which is empty or not there yet."""
    target.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)
    # The list of what of a checkout is not the collection; nothing of that is here.
    galaxy = target / "galaxy.yml"
    galaxy.write_text(galaxy.read_text().partition("build_ignore:")[0])
    plugins = sorted((target / "plugins").rglob("*.py"))
    modules = closure(name for plugin in plugins for name in imported(plugin))
    for module in modules:
        source = _source(module)
        assert source is not None, module
        _copy(source, target / PLACE / source.relative_to(PACKAGE))
    for file in sorted((target / "plugins").rglob("*.py")):
        file.write_text(rewritten(file.read_text()))
        if left := [name for name in imported(file) if name.partition(".")[0] == "capra"]:
            raise SystemExit(f"collection: {file}: cannot be made to import {left[0]} from the collection")


def add_tests(target: Path) -> None:
    """What `ansible-test sanity` takes beside a collection: its configuration, and for each release what it passes
    over: tests/sanity/ignore.txt, and the copied modules, which other linters read where they are from."""
    own = (ROOT / "tests" / "sanity" / "ignore.txt").read_text()
    copied = sorted(str(file.relative_to(target)) for file in (target / PLACE).rglob("*") if file.is_file())
    (target / "tests" / "sanity").mkdir(parents=True)
    shutil.copy2(ROOT / "tests" / "config.yml", target / "tests")
    for release, pythons in RELEASES.items():
        tests = ["pep8", "pylint", *(f"import-{python}" for python in pythons)]
        lines = [
            f"{file} {test}!skip  # a copy; ruff and mypy read the original\n"
            for file in copied
            for test in (tests if file.endswith(".py") else ["shellcheck"])
        ]
        (target / "tests" / "sanity" / f"ignore-{release}.txt").write_text(own + "".join(lines))


def _copy(source: Path, target: Path) -> None:
    """A module, and with a package the files beside it that are no modules: programs that are sent to hosts."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if source.name == "__init__.py":
        for data in sorted(source.parent.rglob("*.sh")):
            if _package(data) == source.parent:
                copied = target.parent / data.relative_to(source.parent)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(data, copied)


def _package(file: Path) -> Path:
    """The nearest directory above that is a package."""
    return next(place for place in file.parents if (place / "__init__.py").is_file())


def closure(names: Iterable[str]) -> list[str]:
    """These modules of `capra`, all that they import, and the packages that they are in; in order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        module = waiting.pop()
        source = _source(module)
        if module in found or source is None:
            continue
        found.add(module)
        waiting += imported(source)
        waiting += [module.rpartition(".")[0]] if "." in module else []
    return sorted(found)


def imported(file: Path) -> Iterator[str]:
    """The names of modules that a file imports, wherever it does; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _source(module: str) -> Path | None:
    """The file of a module of `capra`; None for anything else."""
    top, *rest = module.split(".")
    if top != "capra":
        return None
    place = PACKAGE.joinpath(*rest)
    candidates = (place.with_suffix(".py"), place / "__init__.py") if rest else (place / "__init__.py",)
    return next((one for one in candidates if one.is_file()), None)


def rewritten(text: str) -> str:
    """The text of a module, with its imports of `capra` led into the collection."""
    text = FROM.sub(rf"\1from {NAME}\2 import ", text)
    return WHOLE.sub(rf"\1import {NAME} as capra", text)


def build(output: Path) -> Path:
    """The archive, by ansible-galaxy of the Python that runs this."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="capra-collection-") as staged:
        stage(Path(staged))
        command = [sys.executable, "-m", "ansible", "galaxy", "collection", "build", "--force", "--output-path"]
        command += [str(output.resolve()), staged]
        done = subprocess.run(command, cwd=staged, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"collection: ansible-galaxy has ended with status {done.returncode}: {done.stderr.strip()}")
    [archive] = re.findall(r"Created collection for \S+ at (.+\.tar\.gz)", " ".join(done.stdout.split()))
    return Path(archive)


def main() -> None:
    """Build it and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "out", metavar="DIRECTORY", help="default: out")
    parser.add_argument("--stage", type=Path, metavar="DIRECTORY", help="only lay it out there, for ansible-test")
    options = parser.parse_args()
    if options.stage:
        stage(options.stage)
        add_tests(options.stage)
    else:
        print(build(options.output))


if __name__ == "__main__":
    main()
