import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from langevin_lab import __version__
from langevin_lab.lab.command_line import app

RUN = "from langevin_lab.lab.command_line import main; main()"


def invoke(*arguments):
    """Run in this process, as wide as without a terminal: parallel test processes set COLUMNS."""
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, list(arguments))


def command(*arguments, **options):
    """Run in a process of its own, as a user does."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, *(arguments if options.pop("script", False) else ("-c", RUN, *arguments))],
        capture_output=True,
        text=True,
        env=environment | options,
        timeout=60,
    )


def test_help_lists_the_commands_and_version_the_version():
    help_text = invoke("--help").stdout
    for name in ("list", "reproduce", "check", "figures", "report", "bench", "info"):
        assert re.search(rf"^  {name} ", help_text, re.M)
    assert invoke("--version").stdout == f"langevin_lab {__version__}\n"


def test_help_starts_at_once_and_imports_nothing_heavy():
    started = time.perf_counter()
    code = (
        "import sys, atexit\n"
        "heavy = ('numba', 'scipy', 'sympy', 'xarray', 'matplotlib', 'pandas', 'h5py')\n"
        "atexit.register(lambda: print([m for m in heavy if m in sys.modules]))\n" + RUN
    )
    answer = command("-c", code, "--help", script=True)
    assert answer.stdout.strip().endswith("[]")
    assert time.perf_counter() - started < 5


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no SIGPIPE on this system")
def test_reader_that_stops_early_is_no_refusal():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "check", "BAOAB"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    ) as process:  # fmt: skip
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == -signal.SIGPIPE


def test_reproduce_runs_stores_judges_and_draws(laboratory):
    laboratory.add("uniform")
    laboratory.add_figure("uniform")
    first = invoke("reproduce")
    assert first.exit_code == 0
    assert "0 results stored, 1 experiment to run, about 1 s on two cores" in first.stderr
    assert "[1/1] uniform (quick), about 1 s" in first.stderr
    assert "2 claims: 2 consistent (family-wise false-alarm rate 1 %)" in first.stdout
    for name in ("figures/uniform.pdf", "figures/uniform.png", "report.md", "report.html"):
        assert (laboratory.results / name).is_file()
    second = invoke("reproduce")
    assert second.exit_code == 0
    assert "1 result stored, nothing to run" in second.stderr
    assert second.stdout == first.stdout


def test_wrong_constant_turns_the_verdict_and_the_exit_code(laboratory):
    laboratory.add("right")
    laboratory.add("wrong", constant="0.525")
    answer = invoke("reproduce")
    assert answer.exit_code == 1
    assert "4 claims: 3 consistent, 1 refuted" in answer.stdout
    assert "refuted: wrong: mean of a uniform variable: off by" in answer.stdout
    assert invoke("reproduce", "right").exit_code == 0
    assert invoke("report").exit_code == 1


def test_inconclusive_claims_are_listed_and_pass(laboratory):
    laboratory.add("uniform")
    answer = invoke("reproduce", "uniform", "--set", "n_samples=100")
    assert answer.exit_code == 0
    assert "[1/1] uniform (custom)" in answer.stderr
    assert "inconclusive: uniform: mean of a uniform variable: could not refute" in answer.stdout


def test_force_runs_again(laboratory):
    laboratory.add("uniform")
    invoke("reproduce")
    assert "1 experiment to run" in invoke("reproduce", "--force").stderr


def test_list_shows_question_cost_and_what_is_stored(laboratory):
    laboratory.add("uniform")
    before = invoke("list").stdout
    assert re.search(r"uniform +Is the mean of a uniform variable one half\? +1 s +2.8 h", before)
    invoke("reproduce")
    assert re.search(r"one half\? +stored +2.8 h", invoke("list").stdout)


def test_figures_and_report_need_results_and_name_the_command(laboratory):
    laboratory.add("uniform")
    laboratory.add_figure("uniform")
    missing = (
        "error: uniform (quick): there is no stored result in results; "
        "run langevin-lab reproduce uniform --preset quick\n"
    )
    for name in ("figures", "report"):
        answer = invoke(name)
        assert answer.exit_code == 2
        assert answer.stderr == missing
    invoke("reproduce")
    drawn = invoke("figures")
    assert drawn.exit_code == 0
    assert drawn.stdout == "results/figures/uniform.pdf\nresults/figures/uniform.png\n"
    assert "2 claims: 2 consistent" in invoke("report").stdout


def test_experiment_without_a_figure(laboratory):
    laboratory.add("uniform")
    assert invoke("reproduce").exit_code == 0
    assert invoke("figures").exit_code == 0
    answer = invoke("figures", "uniform")
    assert answer.exit_code == 2
    assert answer.stderr == "error: uniform has no figure: figures/uniform.py is missing\n"


def test_failing_experiment_hides_no_other(laboratory):
    text = laboratory.add("bad").read_text()
    laboratory.write("bad", text.replace("    x = ", "    1 / 0\n    x = "))
    laboratory.add("good")
    laboratory.write("torn", "def (")
    answer = invoke("reproduce")
    assert answer.exit_code == 2
    assert "2 claims: 2 consistent" in answer.stdout
    errors = [line for line in answer.stderr.splitlines() if line.startswith("error:")]
    assert errors == [
        "error: experiments/torn.py:1: SyntaxError: invalid syntax",
        "error: experiments/bad.py:26: run of bad failed: ZeroDivisionError: division by zero",
    ]


def test_broken_figure_is_reported_after_the_table(laboratory):
    laboratory.add("uniform")
    laboratory.add_figure("uniform", "1/0")
    answer = invoke("reproduce")
    assert answer.exit_code == 2
    assert "2 claims: 2 consistent" in answer.stdout
    assert "error: figures/uniform.py:1: ZeroDivisionError" in answer.stderr


def test_figure_with_a_bad_formula_hides_no_other_experiment(laboratory):
    laboratory.add("first")
    laboratory.add("second")
    text = laboratory.add_figure("first").read_text()
    laboratory.add_figure("first", text.replace("$x$", r"$\\frac{1}$"))
    laboratory.add_figure("second")
    answer = invoke("reproduce")
    assert answer.exit_code == 2
    assert "4 claims: 4 consistent" in answer.stdout
    assert "error: figures/first.py: cannot be written: ValueError" in answer.stderr
    assert (laboratory.results / "figures" / "second.png").is_file()


def test_interrupt_keeps_what_is_finished(laboratory):
    laboratory.add("first")
    text = laboratory.add("second").read_text()
    laboratory.write("second", text.replace("    x = ", "    raise KeyboardInterrupt\n    x = "))
    answer = invoke("reproduce")
    assert answer.exit_code == 130
    assert "interrupted; what was finished is stored" in answer.stderr
    assert len(list(laboratory.results.glob("first/*.nc"))) == 1


WRONG = [
    (("reproduce", "unifrom"), "no experiment 'unifrom' in experiments; did you mean uniform?"),
    (("reproduce", "--preset", "full"), "preset='full' is unknown to uniform; it has quick, paper"),
    (("reproduce", "--experiments", "none"), "experiments folder none does not exist"),
    (("reproduce", "--set", "seed=1"), "--set seed=1: name the one experiment that it is for"),
    (("reproduce", "uniform", "--set", "sed=1"), "unknown field 'sed'; did you mean seed?"),
    (("reproduce", "--results", "file"), "cannot write file: File exists; choose another folder"),
    (("check", "BAOABB"), "method='BAOABB' repeats B"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(laboratory, arguments, message):
    laboratory.add("uniform")
    (laboratory.folder / "file").write_text("")
    answer = command(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("arguments", [("no_such_command",), ("check",), ("list", "--colour")])
def test_usage_errors_exit_with_2(arguments):
    answer = invoke(*arguments)
    assert answer.exit_code == 2
    assert "Error: " in answer.stderr


def test_damaged_result_is_one_line_and_force_mends_it(laboratory):
    laboratory.add("uniform")
    invoke("reproduce")
    (path,) = laboratory.results.glob("uniform/*.nc")
    path.write_bytes(path.read_bytes()[:1000])
    answer = command("reproduce")
    assert answer.returncode == 2
    assert "cannot be read" in answer.stderr
    assert "delete it or run reproduce --force" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert invoke("reproduce", "--force").exit_code == 0


def test_debug_shows_the_traceback(laboratory):
    laboratory.add("uniform")
    answer = command("--debug", "reproduce", "unifrom")
    assert answer.returncode == 2
    assert "Traceback" in answer.stderr
    assert "LabError: no experiment 'unifrom'" in answer.stderr
    text = laboratory.add("bad").read_text()
    laboratory.write("bad", text.replace("    x = ", "    1 / 0\n    x = "))
    assert "ZeroDivisionError: division by zero" in command("--debug", "reproduce").stderr


def test_unforeseen_errors_are_one_line_too(laboratory, monkeypatch):
    from langevin_lab.lab import discovery

    def surprise(folder, selected=()):
        raise RuntimeError("a surprise")

    monkeypatch.setattr(discovery, "discover", surprise)
    answer = invoke("list")
    assert answer.exit_code == 2
    assert answer.stderr == "error: RuntimeError: a surprise (langevin-lab --debug shows where)\n"


def test_piped_output_has_no_colour_and_120_columns(laboratory):
    laboratory.add("uniform")
    piped = command("reproduce")
    assert piped.returncode == 0
    assert "\x1b" not in piped.stdout
    assert re.search(r"claim +source +predicted +measured +z +verdict", piped.stdout)
    narrow = command("reproduce", COLUMNS="80")
    assert re.search(r"claim +predicted +measured +z +verdict", narrow.stdout)
    assert max(map(len, narrow.stdout.splitlines()[:-1])) <= 80


@pytest.mark.slow
def test_experiment_runs_as_a_script_and_shares_the_store(laboratory):
    path = laboratory.add("uniform")
    laboratory.add_figure("uniform")
    first = command(str(path), script=True)
    assert first.returncode == 0
    assert "1 experiment to run" in first.stderr
    assert (laboratory.results / "figures" / "uniform.png").is_file()
    assert "1 result stored, nothing to run" in invoke("reproduce").stderr
    custom = command(str(path), "--set", "seed=3", "--results", "elsewhere", script=True)
    assert custom.returncode == 0
    assert len(list((laboratory.folder / "elsewhere" / "uniform").glob("custom-*.nc"))) == 1
    wrong = command(str(path), "--set", "seed=x", script=True)
    assert wrong.returncode == 2
    assert wrong.stderr == "error: --set seed=x: 'x' is no int; the preset has seed=1\n"


def test_script_runs_inside_a_process_too(laboratory):
    laboratory.add("wrong", constant="0.6")
    with pytest.raises(SystemExit) as caught:
        laboratory.load("wrong").main(["--results", "results"])
    assert caught.value.code == 1


def test_check_prints_record_and_checks():
    answer = invoke("check", "BAOAB")
    assert answer.exit_code == 0
    assert re.search(r"stability limit, omega dt +2 +2 +holds", answer.stdout)
    assert re.search(r"source +Leimkuhler and Matthews", answer.stdout)
    runge_kutta = invoke("check", "RK4", "--equation", "langevin").stdout
    assert "langevin" in runge_kutta
    assert re.search(r"configurational order +-\s", runge_kutta)


def test_check_prints_the_harmonic_law_and_where_checks_end():
    answer = invoke("check", "SemiImplicitEuler").stdout
    # 4/(4 - 2 friction dt - dt^2), and its stability limit at friction 10
    assert re.search(r"0\.1 +0\.1 +1\.\d+ +1\.007557 +\S+", answer)
    assert re.search(r"0\.4 +10 +no law +no law +no law", answer)
    assert re.search(r"energy: residual .*not separable.*does not apply", answer)


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_check_draws_its_figure(tmp_path, suffix):
    path = tmp_path / f"certificate.{suffix}"
    answer = invoke("check", "EulerMaruyama", "--figure", str(path))
    assert answer.exit_code == 0
    assert path.read_bytes()[:4] in (b"\x89PNG", b"%PDF")
    assert "figure: " in answer.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("certificate.txt", "use a name that ends in .png, .pdf or .svg"),
        ("no_such_folder/certificate.png", "cannot be written: No such file or directory"),
    ],
)
def test_figure_that_cannot_be_written_is_one_line(tmp_path, name, message):
    answer = invoke("check", "EulerMaruyama", "--figure", str(tmp_path / name))
    assert answer.exit_code == 2
    assert message in answer.stderr


def test_check_of_a_wrong_record_exits_with_1(monkeypatch):
    import dataclasses

    from langevin_lab import integrators

    method = integrators.method("BAOAB")
    record = dataclasses.replace(method.properties, stability_limit=2.1)
    wrong = dataclasses.replace(method, properties=record)
    monkeypatch.setattr(integrators, "specimen", lambda name, equation=None: wrong)
    answer = invoke("check", "BAOAB")
    assert answer.exit_code == 1
    assert re.search(r"stability limit, omega dt +2.1 +2 +refuted", answer.stdout)


def test_info_names_versions_and_folders(laboratory, monkeypatch, tmp_path):
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", str(tmp_path / "cache"))
    laboratory.add("uniform")
    invoke("reproduce")
    answer = command("info", LANGEVIN_LAB_CACHE=str(tmp_path / "cache"), COLUMNS="300")
    assert answer.returncode == 0
    text = answer.stdout
    assert re.search(rf"langevin_lab +{re.escape(__version__)}", text)
    assert re.search(r"cores +\d+ usable of \d+", text)
    assert f"{tmp_path}/cache (0 B)" in text
    assert re.search(r"results \(1 stored, [\d.]+ kB\)", text)


def test_report_shows_the_figure_of_the_result_it_judges(laboratory):
    laboratory.add("uniform")
    laboratory.add_figure("uniform")
    figure = laboratory.folder / "results" / "figures" / "uniform.png"
    invoke("reproduce")
    own = figure.read_bytes()
    invoke("reproduce", "uniform", "--set", "seed=2")
    assert figure.read_bytes() != own
    assert invoke("report").exit_code == 0
    assert figure.read_bytes() == own


def test_experiment_that_exits_while_it_runs_is_an_error(laboratory):
    file = laboratory.add("uniform")
    text = file.read_text()
    file.write_text(
        text.replace("def run(config):\n", "def run(config):\n    raise SystemExit(0)\n")
    )
    answer = invoke("reproduce")
    assert answer.exit_code == 2
    assert "run of uniform failed: SystemExit: 0" in answer.stderr
