"""``langevin-lab bench``, ``info`` and ``reproduce --device`` as a user calls them."""

import re

import pytest
from typer.testing import CliRunner

from langevin_lab.lab import accelerator
from langevin_lab.lab.benchmarks import command, disassembly, kernel_ptx, records, session
from langevin_lab.lab.benchmarks.instructions import StepCount
from langevin_lab.lab.benchmarks.records import Measured
from langevin_lab.lab.command_line import app

CARD = {"card": "NVIDIA H200", "driver": "580.1", "compute capability": "9.0", "clock": "1980 MHz"}
COUNT = StepCount({"fp64": 38.0, "integer": 40.0}, 2.0, "SASS")
SPEED = {"langevin_lab cuda": 3e11, "torchsde": 1e7}


def invoke(*arguments):
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, list(arguments))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench without processes: every program has the speed of the table, or 1e9."""
    monkeypatch.chdir(tmp_path)

    def measure(tasks, *, seconds, repeats, say):
        found = []
        for task in tasks:
            if task.program == "diffrax":
                found.append(Measured(task, error="diffrax is not installed"))
                continue
            speed = SPEED.get(task.name.split(",")[0], 1e9)
            rates = tuple(speed * (1 + 0.001 * k) for k in range(repeats))
            found.append(Measured(task, rates, rates, 10, 0.93))
        return found

    monkeypatch.setattr(session, "measure", measure)
    monkeypatch.setattr(kernel_ptx, "count_kernel", lambda *names: COUNT)
    return lambda *arguments: invoke("bench", *arguments)


def on_a_card(monkeypatch):
    monkeypatch.setattr(accelerator, "card_facts", lambda: CARD)
    monkeypatch.setattr(command, "_multiprocessors", lambda: 132)


def test_on_the_cpu_ratios_are_shown_and_targets_stay_open(bench, tmp_path):
    answer = bench("--work", "double well", "--work", "networks")
    assert answer.exit_code == 0
    told = (answer.stdout.count("diffrax is not installed"), answer.stderr.count("not installed"))
    assert told == (1, 0)  # both precisions in one line
    assert re.search(r"load before: (\d+\.\d|unknown)", answer.stdout)
    assert re.search(r"langevin_lab cpu, float64 +1.00e\+09 ± 0\.\d %", answer.stdout)
    reason = (
        "double well, diffrax, float64; double well, diffrax, float32: diffrax is not installed"
    )
    assert f"open: {reason}" in answer.stdout
    assert "open: targets of a card: run langevin-lab bench --device cuda" in answer.stdout
    assert "benchmarks/network_ensembles.py is not there" in answer.stdout
    (path,) = records.stored(tmp_path / "benchmarks" / "results")
    assert f"results: benchmarks/results/{path.name}" in answer.stderr
    again = bench("--show")
    assert again.stdout == answer.stdout


def test_peers_have_a_line_each_in_eighty_columns(bench, monkeypatch):
    on_a_card(monkeypatch)
    answer = CliRunner(env={"COLUMNS": "80"}).invoke(
        app, ["bench", "--no-save", "--device", "cuda", "--work", "double well"]
    )
    for program in ("jax, float64", "torchsde, float32", "diffrax, float64"):
        assert re.search(rf"^ {program} +(\d.* \d\.\d+|- +- +- +-) *$", answer.stdout, re.M), (
            program
        )


def test_nothing_is_kept_where_it_is_not_wanted(bench, tmp_path):
    assert bench("--no-save", "--work", "first passage").exit_code == 0
    assert not (tmp_path / "benchmarks").exists()


def test_on_a_card_targets_are_judged(bench, monkeypatch, tmp_path):
    on_a_card(monkeypatch)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "network_ensembles.py").write_text(
        '"""Networks."""\n\n\ndef measure(device):\n'
        '    return {"rates": {"cpu": 3 * [1e4, 1.01e4], "float32": 3 * [7e5, 7.1e5]}}\n'
    )
    answer = bench("--device", "cuda")
    assert answer.exit_code == 0, answer.output
    assert "card: NVIDIA H200; driver: 580.1" in answer.stdout
    assert "double well, 10,000,000 replicas" in answer.stdout
    for row in ("replica-steps/s", "share of the arithmetic limit", "times torchsde", "times jax"):
        assert re.search(rf"double well, float32: {row} .*consistent", answer.stdout)
    assert re.search(
        r"4,096 networks at once, float32: times the CPU .*≥ 50 .*consistent", answer.stdout
    )
    assert (tmp_path / "benchmarks/results").glob("cuda-nvidia-h200-*.json")


def test_a_missed_target_is_an_exit_code(bench, monkeypatch):
    on_a_card(monkeypatch)
    monkeypatch.setitem(SPEED, "langevin_lab cuda", 4e10)
    answer = bench("--device", "cuda", "--work", "double well")
    assert answer.exit_code == 1
    assert re.search(r"double well, float64: replica-steps/s .*refuted", answer.stdout)


def test_what_targets_are_about_is_measured_first_and_kept_at_once(bench, monkeypatch, tmp_path):
    """As if the session were cut off: the files after every work."""
    on_a_card(monkeypatch)
    seen, save = [], records.save

    def saved(results, folder):
        works = list(dict.fromkeys(m.task.work for m in results.measured))
        seen.append((works, len(results.counts), list(results.networks)))
        return save(results, folder)

    monkeypatch.setattr(records, "save", saved)
    works = ("first passage", "networks", "double well")
    bench("--device", "cuda", *(text for name in works for text in ("--work", name)))
    both = ["double well", "first passage"]
    assert seen == [(both[:1], 2, ["error"]), (both, 2, ["error"])]
    assert len(records.stored(tmp_path / "benchmarks" / "results")) == 1


def test_nothing_measured_is_an_error(bench, tmp_path):
    answer = bench("--work", "networks")
    assert answer.exit_code == 2
    assert "benchmarks/network_ensembles.py is not there" in answer.stdout
    assert answer.stderr == "error: nothing could be measured, for the reasons above\n"
    assert not (tmp_path / "benchmarks").exists()


def test_a_card_that_hides_its_clock_keeps_what_was_measured(bench, monkeypatch):
    on_a_card(monkeypatch)
    monkeypatch.setitem(CARD, "clock", "[N/A]")
    answer = bench("--device", "cuda", "--work", "double well")
    assert answer.exit_code == 0
    assert "not counted: nvidia-smi gives [N/A] as its highest clock" in answer.stdout
    assert "open: ensembles of networks: not among the works" in answer.stdout


def test_networks_that_fail_are_named(tmp_path):
    file = tmp_path / "network_ensembles.py"
    file.write_text('"""Networks."""\n\n\ndef measure(device):\n    raise RuntimeError(device)\n')
    assert command.network_ensembles("cuda", file) == {"error": "RuntimeError: cuda"}


def test_counts_need_no_card(bench, tmp_path):
    answer = bench("--count", "sm_90")
    assert answer.exit_code == 0
    assert re.search(r"fp64 +38\.0 +38\.0", answer.stdout)
    assert re.search(r"cycles, ALU +0\.625 +0\.625", answer.stdout)
    assert "4.18e+11 (ALU)" in answer.stdout  # 132 * 1.98e9 / 0.625
    assert "counted, not measured" in answer.stdout
    (path,) = records.stored(tmp_path / "benchmarks" / "results")
    assert path.name.startswith("count-h200-sm-90-not-at-hand-")
    assert bench("--show").stdout == answer.stdout


def test_a_kernel_that_cannot_be_counted_says_why(bench, monkeypatch):
    def fail(*names):
        raise ValueError("no loop")

    monkeypatch.setattr(kernel_ptx, "count_kernel", fail)
    assert "float32: not counted: no loop" in bench("--count", "sm_90").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "tpu"), "--device tpu: use cpu or cuda"),
        (("--repeats", "1"), "--repeats 1: use 2 or more"),
        (("--replicas", "3"), "--replicas 3: use 8 or more"),
        (("--seconds", "0"), "--seconds 0.0: use a time > 0"),
        (
            ("--work", "chess"),
            "--work chess: there are double well, Mueller-Brown, first passage, networks",
        ),
        (("--count", "sm_70"), "--count sm_70: no table of rates for it"),
        (
            ("--count", "sm_90", "--device", "cuda"),
            "--device: not together with --count or --show, which measure nothing",
        ),
        (("--show", "--work", "networks"), "--work: not together with --count or --show"),
        (("--count", "90"), "--count 90: write a target such as sm_90"),
        (("--show",), "no results in benchmarks/results; langevin-lab bench writes them"),
    ],
)
def test_wrong_options_are_one_line(bench, arguments, message):
    answer = bench(*arguments)
    assert answer.exit_code == 2
    assert answer.stderr.startswith(f"error: {message}")


def test_no_card_is_one_line_with_two_ways_on(bench, monkeypatch):
    monkeypatch.setattr(accelerator, "card_facts", dict)
    answer = bench("--device", "cuda")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: --device cuda: no card found (nvidia-smi does not")
    assert "--count sm_90" in answer.stderr


def test_card_is_read_from_what_the_driver_says(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 580.1, 9.0, 1980 MHz, 143771 MiB'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert accelerator.card_facts() == CARD | {"card memory": "143771 MiB"}
    answer = invoke("info", "--results", str(tmp_path))
    assert re.search(r"card +NVIDIA H200, driver 580\.1, compute capability 9\.0", answer.stdout)


@pytest.mark.parametrize(
    ("visible", "card"),
    [("1,0", "card --id=1"), ("GPU-8f3a-1", "card --id=GPU-8f3a-1"), ("", None), ("-1", None)],
)
def test_the_card_is_the_first_that_programs_see(tmp_path, monkeypatch, visible, card):
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "card $1, 580.1, 9.0, 1980 MHz, 143771 MiB"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert accelerator.card_facts().get("card") == card


def test_without_a_card_info_says_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert accelerator.card_facts() == {}
    assert re.search(r"^ ?card +none", invoke("info", "--results", str(tmp_path)).stdout, re.M)


def test_assembler_says_its_version(tmp_path, monkeypatch):
    monkeypatch.setattr(disassembly, "find_tool", {"ptxas": tmp_path / "ptxas"}.get)
    (tmp_path / "ptxas").write_text(
        "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, V13.0.88'\n"
    )
    (tmp_path / "ptxas").chmod(0o755)
    assert accelerator.toolkit_facts() == {"ptxas": "13.0.88"}
    answer = invoke("info", "--results", str(tmp_path))
    assert re.search(r"CUDA programs +ptxas 13\.0\.88", answer.stdout)


def with_backend(laboratory, name):
    path = laboratory.add(name)
    text = path.read_text().replace(
        "    seed: int = 1\n", '    seed: int = 1\n    backend: str = "cpu"\n'
    )
    path.write_text(
        text.replace('{"x": ("replica", x)}', '{"x": ("replica", x)}, attrs={"on": config.backend}')
    )


def test_device_sets_the_backend_of_an_experiment(laboratory):
    with_backend(laboratory, "uniform")
    answer = invoke("reproduce", "uniform", "--device", "torch:cuda")
    assert answer.exit_code == 0, answer.output
    assert "[1/1] uniform (custom)" in answer.stderr
    assert "1 result stored, nothing to run" in invoke(
        "reproduce", "uniform", "--set", "backend=torch:cuda"
    ).stderr  # fmt: skip
    assert "1 experiment to run" in invoke("reproduce", "uniform", "--backend", "cuda:1").stderr


def test_experiments_without_a_backend_are_refused_and_the_others_run(laboratory):
    laboratory.add("other")
    with_backend(laboratory, "uniform")
    answer = invoke("reproduce", "--device", "cuda")
    assert answer.exit_code == 2
    assert "[1/1] uniform (custom)" in answer.stderr
    assert "error: --device cuda: other has no backend in its configuration" in answer.stderr


def test_an_unknown_backend_is_refused(laboratory):
    with_backend(laboratory, "uniform")
    answer = invoke("reproduce", "uniform", "--device", "tpu")
    assert answer.exit_code == 2
    assert "error: --device: backend='tpu' must be one of" in answer.stderr


def test_scripts_take_the_device_too(laboratory):
    with_backend(laboratory, "uniform")
    with pytest.raises(SystemExit) as ended:
        laboratory.load("uniform").main(["--device", "cuda"])
    assert ended.value.code == 0
