"""The mutation runner on a toy package: what it calls killed, survived, invalid, and an error."""

import re

import pytest
from mutants import run as mutants

SOURCE = '''"""Half of a number."""


def half(x):
    return 0.5 * x


def quarter(x):
    return half(half(x))
'''

TESTS = """from langevin_lab.toy import half, quarter


def test_half():
    assert half(2.0) == 1.0


def test_half_of_nothing():
    assert half(0.0) == 0.0


def test_import_within():
    from langevin_lab.toy import quarter
"""


@pytest.fixture
def toy(tmp_path):
    """A project of one module, and a function that tries mutants of it."""
    for folder in ("langevin_lab", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "langevin_lab" / "__init__.py").touch()
    (tmp_path / "langevin_lab" / "toy.py").write_text(SOURCE)
    (tmp_path / "tests" / "test_toy.py").write_text(TESTS)

    def attempt(*entries, arguments=("--jobs", "1")):
        lines = ['["toy.py"]']
        for name, old, new, test in entries:
            lines.append(f"{name!r} = [{old!r}, {new!r}, 'test_toy.py{test}']")
        (tmp_path / "table.toml").write_text("\n".join(lines))
        return mutants.main(arguments, root=tmp_path, tables=tmp_path)

    return attempt


def verdict_of(name, text):
    return re.search(rf"^{name} +toy\.py +(\w+)", text, flags=re.M)[1]


@pytest.mark.slow
def test_each_mutant_gets_its_verdict_and_a_survivor_fails_the_run(toy, capfd):
    status = toy(
        ("third", "0.5 *", "0.3 *", "::test_half"),
        ("unseen", "0.5 *", "0.25 *", "::test_half_of_nothing"),
        ("unparsable", "0.5 *", "0.5 **/", "::test_half"),
        ("renamed", "def quarter", "def fourth", "::test_half"),
        ("misspelt", "0.5 * x", "0.5 * z", "::test_half"),
    )
    text = capfd.readouterr().out
    assert status == 1
    assert "baseline: 1 test files pass unchanged" in text
    assert verdict_of("third", text) == "killed"
    assert re.search(r"^third .* test_toy::test_half$", text, flags=re.M)
    assert verdict_of("unseen", text) == "SURVIVED"
    for name, trouble in (
        ("unparsable", "SyntaxError: invalid syntax"),
        ("renamed", "ImportError: cannot import name 'quarter'"),  # when tests are collected
        ("misspelt", "test_toy::test_half: NameError"),
    ):
        assert verdict_of(name, text) == "INVALID"
        assert re.search(rf"^{name} .*{trouble}", text, flags=re.M)
    assert "5 mutants: 1 killed, 1 SURVIVED, 3 INVALID" in text


@pytest.mark.slow
def test_all_killed_is_success(toy, capfd):
    assert toy(("third", "0.5 *", "0.3 *", "::test_half")) == 0
    assert "1 mutants: 1 killed, 0 SURVIVED, 0 INVALID" in capfd.readouterr().out


def test_tests_that_fail_unchanged_prove_nothing(toy, capfd, tmp_path):
    (tmp_path / "tests" / "test_toy.py").write_text("def test_half():\n    assert False\n")
    assert toy(("third", "0.5 *", "0.3 *", "::test_half")) == 1
    text = capfd.readouterr().out
    assert "baseline: test_toy.py fails unchanged: killed test_toy::test_half" in text
    assert "third" not in text


def test_tests_without_an_end_are_stopped(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "LIMIT", 0.01)
    (tmp_path / "workshop").mkdir()
    workshop = mutants.Workshop(tmp_path, tmp_path / "workshop")
    verdict = workshop.test(workshop.copy("copy"), ["test_toy.py"], tmp_path / "cache")
    assert verdict.word == "TIMED OUT"


@pytest.mark.parametrize(
    ("kind", "message", "word"),
    [
        ("failure", "assert 0.6 == 1.0", "killed"),
        ("failure", "ValueError: the step never reads n1", "killed"),
        ("error", "failed on setup with &quot;AssertionError: no&quot;", "killed"),
        ("error", "failed on setup with &quot;ImportError: no name&quot;", "INVALID"),
        ("failure", "numba.core.errors.TypingError: Failed in nopython mode", "INVALID"),
        ("failure", "UnboundLocalError: cannot access local variable", "INVALID"),
    ],
)
def test_failed_test_kills_unless_the_mutant_is_no_program(tmp_path, kind, message, word):
    report = tmp_path / "report.xml"
    case = f"<testcase classname='tests.test_toy' name='test_a'><{kind} message='{message}'/>"
    report.write_text(f"<testsuite>{case}</testcase></testsuite>")
    verdict = mutants.judged(report, 0.1)
    assert verdict.word == word
    assert verdict.reason.startswith("test_toy::test_a")


@pytest.mark.parametrize(
    ("old", "count"), [("0.75 *", 0), ("half(", 3)], ids=["gone", "not unique"]
)
def test_patch_that_does_not_apply_once_is_an_error_that_names_the_mutant(toy, capfd, old, count):
    assert toy(("third", old, "0.3 *", "::test_half")) == 1
    captured = capfd.readouterr()
    message = f"mutant 'third': its old text {old!r} occurs {count} times in langevin_lab/toy.py"
    assert message in captured.err
    assert "baseline" not in captured.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("['toy.py']\n'a' = ['0.5', '0.3']", "mutant 'a' of toy.py: give a list of the old text"),
        ("['toy.py']\n'a' = ['x', 'x', 'test_toy.py']", "mutant 'a' of toy.py: give a list"),
        ("['toy.py']\n'a' = 3", "mutant 'a' of toy.py: give a list"),
        (
            "['toy.py']\n'a' = ['x', 'y', 't.py']\n['b.py']\n'a' = ['x', 'y', 't.py']",
            "mutant 'a' stands twice, again in table.toml; rename one",
        ),
        ("['toy.py'\n", "table.toml: "),
    ],
)
def test_entry_that_is_no_mutant_is_refused(tmp_path, text, message):
    (tmp_path / "table.toml").write_text(text)
    with pytest.raises(mutants.TableError, match=re.escape(message)):
        mutants.read_tables(tmp_path)


def test_tables_of_a_folder_are_joined_and_may_not_share_a_file_or_a_name(tmp_path):
    (tmp_path / "a.toml").write_text("['a.py']\n'first' = ['x', 'y', 't.py']")
    (tmp_path / "b.toml").write_text("['b.py']\n'second' = ['x', 'y', 't.py']")
    names = [(mutant.file, mutant.name) for mutant in mutants.read_tables(tmp_path)]
    assert names == [("a.py", "first"), ("b.py", "second")]
    (tmp_path / "b.toml").write_text("['a.py']\n'second' = ['x', 'y', 't.py']")
    message = r"a\.py has a heading in a\.toml and b\.toml; join them"
    with pytest.raises(mutants.TableError, match=message):
        mutants.read_tables(tmp_path)
    (tmp_path / "b.toml").write_text("['b.py']\n'first' = ['x', 'y', 't.py']")
    with pytest.raises(mutants.TableError, match=r"'first' stands twice, again in b\.toml"):
        mutants.read_tables(tmp_path)


def test_file_that_is_not_there_is_refused(tmp_path):
    mutant = mutants.Mutant("a", "gone.py", "x", "y", ("test_toy.py",))
    with pytest.raises(mutants.TableError, match=r"mutant 'a': there is no file langevin_lab/gone"):
        mutants.check(tmp_path, [mutant])


def test_mutants_are_listed_and_chosen_by_name(toy, capfd):
    entries = [("third", "0.5 *", "0.3 *", "::test_half"), ("tenth", "0.5 *", "0.1 *", "")]
    assert toy(*entries, arguments=["--list"]) == 0
    listed = capfd.readouterr().out
    assert listed.splitlines() == [
        "third  (toy.py): test_toy.py::test_half",
        "tenth  (toy.py): test_toy.py",
    ]
    assert toy(*entries, arguments=["--only", "tenth", "--list"]) == 0
    assert capfd.readouterr().out.startswith("tenth")
    assert toy(*entries, arguments=["--only", "thrid"]) == 1
    assert "no mutant has this name; did you mean 'third'?" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        toy(*entries, arguments=["--jobs", "0"])
    assert "'0' must be an integer >= 1" in capfd.readouterr().err


def test_every_mutant_of_the_tables_still_applies():
    known = mutants.read_tables(mutants.TABLES)
    assert len(known) >= 200
    mutants.check(mutants.ROOT, known)


def test_every_test_of_the_tables_is_there():
    texts = {}
    for mutant in mutants.read_tables(mutants.TABLES):
        for test in mutant.tests:
            file, _, name = test.partition("::")
            if file not in texts:
                texts[file] = (mutants.ROOT / "tests" / file).read_text(encoding="utf-8")
            function = name.partition("[")[0]
            assert not function or f"def {function}(" in texts[file], (mutant.name, test)
