"""Break the numerical core on purpose, one constant or sign at a time: every time a test must fail.

    python tests/mutants/run.py [--list] [--only NAME] [--jobs N]

Each mutant of the tables beside this file is applied to a fresh copy of the package, whose named
tests then run until the first failure. Verdicts:

    killed      a test failed: the suite would have noticed
    SURVIVED    all named tests passed: the suite is blind there, so write the test that sees it
    INVALID     the mutant does not compile or import, or its tests cannot be collected; that an
                interpreter notices says nothing about the tests
    TIMED OUT   the tests ran on; a mutant must end

The same tests are run unchanged first and must pass. The exit status is 0 only if all mutants are
killed, 1 otherwise, also where an old text no longer occurs exactly once in its file.

To add a mutant: under the file's heading (a path below langevin_lab/) write

    "what is wrong, as a physicist would say it" = [
      'old text', 'new text',
      'folder/test_file.py::test_that_must_fail',
    ]

- The old text stands exactly once in the file. Keep it short and distinctive, one expression, so
  that it outlives edits nearby.
- The mutant must run: what only an interpreter or a compiler notices counts as INVALID.
- Name the fastest test that ought to see it, below tests/; more may follow. It runs with -x.
  Algebra comes before exact laws, those before kernels in plain Python, those before compiled
  ones (7 s: a mutant of a kernel's text is compiled anew).
- If it survives, write the missing test and leave the mutant as it is. Replace a mutant only if
  it is equivalent: if no input whatever could tell it from the original.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = Path(__file__).parent
PACKAGE = "langevin_lab"
COPIED = (PACKAGE, "tests", "setup.cfg", "pyproject.toml")
LIMIT = 300.0  # seconds that the tests of one mutant may take; the slowest take 20

# A kernel's file is named by a hash of all that determines it, so mutants may share compiled
# kernels. These files decide on that name, or on texts that are kept under a version number.
OWN_CACHE = ("compiled/modules.py", "potentials/")

# What an interpreter or compiler says of a text that is no program.
NO_PROGRAM = re.compile(
    r"(failed on \w+ with \")?([\w.]*\.)?(ImportError|ModuleNotFoundError|SyntaxError"
    r"|IndentationError|NameError|UnboundLocalError|TypingError|LoweringError|UnsupportedError)\b"
)


class TableError(ValueError):
    """A mutant that cannot be applied, or an entry of the table that is none."""


@dataclass(frozen=True)
class Mutant:
    """One change, and the tests that must notice it.

    Parameters
    ----------
    name : str
    file : str
        Below the package.
    old, new : str
        ``old`` stands exactly once in the file and is replaced.
    tests : tuple of str
        Files or test ids below ``tests/``, the one that should fail first.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's text with the change; TableError if it does not apply exactly once."""
        count = text.count(self.old)
        if count != 1:
            raise TableError(
                f"mutant {self.name!r}: its old text {self.old!r} occurs {count} times in "
                f"{PACKAGE}/{self.file}, not once; bring the entry up to date with the code"
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: the word, the test that decided (or why none could), seconds."""

    word: str
    reason: str
    seconds: float


def read_tables(folder: Path) -> list[Mutant]:
    """The mutants of all tables in a folder, in order.

    Raises
    ------
    TableError
        If a table is no TOML, an entry no list of old text, new text and tests, or it changes
        nothing, repeats a name or stands under a file of another table.
    """
    mutants: dict[str, Mutant] = {}
    homes: dict[str, Path] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise TableError(f"{path.name}: {error}") from None
        for file, entries in table.items():
            home = homes.setdefault(file, path)
            if home != path:
                raise TableError(f"{file} has a heading in {home.name} and {path.name}; join them")
            _read_entries(path.name, file, entries, mutants)
    return list(mutants.values())


def _read_entries(table: str, file: str, entries: dict, mutants: dict[str, Mutant]) -> None:
    """Add the mutants under one heading."""
    for name, parts in entries.items():
        texts = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
        if not texts or len(parts) < 3 or parts[0] == parts[1]:
            raise TableError(
                f"mutant {name!r} of {file}: give a list of the old text, another text and at "
                f"least one test, not {parts!r}"
            )
        if name in mutants:
            raise TableError(f"mutant {name!r} stands twice, again in {table}; rename one")
        mutants[name] = Mutant(name, file, parts[0], parts[1], tuple(parts[2:]))


def selected(mutants: Sequence[Mutant], names: Iterable[str]) -> list[Mutant]:
    """The named mutants, all if no name is given; TableError for a name that is unknown."""
    known = {mutant.name: mutant for mutant in mutants}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "see --list"
            raise TableError(f"--only {name!r}: no mutant has this name; {hint}")
    return [known[name] for name in names] or list(mutants)


def check(root: Path, mutants: Iterable[Mutant]) -> None:
    """Raise TableError unless every mutant applies to the package in ``root``."""
    for mutant in mutants:
        path = root / PACKAGE / mutant.file
        if not path.is_file():
            raise TableError(f"mutant {mutant.name!r}: there is no file {PACKAGE}/{mutant.file}")
        mutant.applied(path.read_text(encoding="utf-8"))


class Workshop:
    """Copies of a project in a temporary folder, and tests run in them.

    Parameters
    ----------
    root : Path
        The project: the package, ``tests`` and the configuration of pytest.
    folder : Path
        Temporary; holds the copies and the cache of compiled kernels.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder

    def copy(self, name: str) -> Path:
        """A fresh copy. Without bytecode: Python goes by time stamps, which a patch may repeat."""
        place = self.folder / name
        place.mkdir()
        for part in COPIED:
            source = self.root / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, place / part, ignore=ignored)
            elif source.exists():
                shutil.copy2(source, place / part)
        return place

    def test(self, place: Path, tests: Sequence[str], cache: Path) -> Verdict:
        """Run tests in a copy up to the first failure."""
        environment = os.environ | {
            "PYTHONPATH": str(place),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANGEVIN_LAB_CACHE": str(cache),
            "OMP_NUM_THREADS": "1",  # the workers share the cores
            "OPENBLAS_NUM_THREADS": "1",
        }
        report = place / "report.xml"
        command = [
            sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
            f"--junit-xml={report}", *(f"tests/{test}" for test in tests),
        ]  # fmt: skip
        begin = time.monotonic()
        try:
            finished = subprocess.run(
                command, cwd=place, env=environment, capture_output=True, text=True, timeout=LIMIT
            )
        except subprocess.TimeoutExpired:
            return Verdict("TIMED OUT", f"after {LIMIT:.0f} s", time.monotonic() - begin)
        seconds = time.monotonic() - begin
        if finished.returncode == 0:
            return Verdict("SURVIVED", "", seconds)
        if finished.returncode != 1:  # pytest: 1 is a failed test, above are tests that cannot run
            return Verdict("INVALID", complaint(finished.stdout + finished.stderr), seconds)
        return judged(report, seconds)

    def baseline(self, tests: Sequence[str]) -> Verdict:
        """The tests of one file on the unchanged package; they fill the shared cache."""
        name = re.sub(r"\W", "_", tests[0].split("::")[0])
        place = self.copy(f"baseline-{name}")
        try:
            return self.test(place, tests, self.folder / "cache")
        finally:
            shutil.rmtree(place)

    def try_mutant(self, index: int, mutant: Mutant) -> Verdict:
        """Apply a mutant to a fresh copy and run its tests."""
        place = self.copy(f"mutant-{index}")
        path = place / PACKAGE / mutant.file
        text = mutant.applied(path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
        cache = place if mutant.file.startswith(OWN_CACHE) else self.folder
        try:
            compile(text, mutant.file, "exec")
            return self.test(place, mutant.tests, cache / "cache")
        except SyntaxError as error:
            return Verdict("INVALID", f"{type(error).__name__}: {error}", 0.0)
        finally:
            shutil.rmtree(place)


def judged(report: Path, seconds: float) -> Verdict:
    """The verdict that the first failure of a pytest report stands for."""
    for case in ElementTree.parse(report).iter("testcase"):
        for trouble in (*case.iter("failure"), *case.iter("error")):
            message = trouble.get("message", "")
            test = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
            if NO_PROGRAM.match(message):
                return Verdict("INVALID", f"{test}: {message.splitlines()[0]}", seconds)
            return Verdict("killed", test, seconds)
    return Verdict("INVALID", "pytest failed without a failed test", seconds)


def complaint(text: str) -> str:
    """The line of pytest's output that says why it could not run the tests."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(E  |ERROR)", line)]
    return (errors or lines or ["no output"])[0].removeprefix("E  ").strip()


def run_baseline(workshop: Workshop, mutants: Sequence[Mutant], jobs: int) -> bool:
    """Run all named tests unchanged, file by file; print what fails."""
    by_file: dict[str, list[str]] = {}
    for test in dict.fromkeys(test for mutant in mutants for test in mutant.tests):
        by_file.setdefault(test.split("::")[0], []).append(test)
    begin, good = time.monotonic(), True
    with ThreadPoolExecutor(jobs) as pool:
        for file, verdict in zip(by_file, pool.map(workshop.baseline, by_file.values())):
            if verdict.word != "SURVIVED":
                print(f"baseline: {file} fails unchanged: {verdict.word} {verdict.reason}")
                good = False
    if good:
        seconds = time.monotonic() - begin
        print(f"baseline: {len(by_file)} test files pass unchanged, {seconds:.0f} s", flush=True)
    return good


def run(root: Path, mutants: Sequence[Mutant], jobs: int) -> int:
    """Try all mutants and print the table; return the exit status."""
    check(root, mutants)
    begin, counts = time.monotonic(), dict.fromkeys(("killed", "SURVIVED", "INVALID"), 0)
    wide = max(len(mutant.name) for mutant in mutants)
    long = max(len(mutant.file) for mutant in mutants)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workshop = Workshop(root, Path(folder))
        if not run_baseline(workshop, mutants, jobs):
            return 1
        print(f"{'mutant':{wide}}  {'file':{long}}  verdict    seconds  killed by")
        with ThreadPoolExecutor(jobs) as pool:
            verdicts = pool.map(workshop.try_mutant, range(len(mutants)), mutants)
            for mutant, verdict in zip(mutants, verdicts):
                counts[verdict.word] = counts.get(verdict.word, 0) + 1
                print(
                    f"{mutant.name:{wide}}  {mutant.file:{long}}  {verdict.word:9}  "
                    f"{verdict.seconds:7.1f}  {verdict.reason}",
                    flush=True,
                )
    numbers = ", ".join(f"{count} {word}" for word, count in counts.items())
    print(f"{len(mutants)} mutants: {numbers}; {time.monotonic() - begin:.0f} s in all")
    return 0 if counts["killed"] == len(mutants) else 1


def at_least_one(text: str) -> int:
    """An integer >= 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be an integer >= 1")
    return int(text)


def main(
    arguments: Sequence[str] | None = None, *, root: Path = ROOT, tables: Path = TABLES
) -> int:
    """The command line; root and tables are arguments for the sake of this script's own test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the mutants and their tests")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="repeatable")
    parser.add_argument("--jobs", type=at_least_one, default=2, help="mutants at a time (2)")
    options = parser.parse_args(arguments)
    try:
        mutants = selected(read_tables(tables), options.only)
        if options.list:
            for mutant in mutants:
                print(f"{mutant.name}  ({mutant.file}): {', '.join(mutant.tests)}")
            return 0
        return run(root, mutants, options.jobs)
    except TableError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
