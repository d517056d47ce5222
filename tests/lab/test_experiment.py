import math
import re
from dataclasses import dataclass

import pytest

from langevin_lab.lab import Experiment, LabError


@dataclass(frozen=True)
class Config:
    n: int = 1


def run(config):
    raise AssertionError("not run here")


def claims(dataset):
    return []


def experiment(**changes):
    parts = {
        "name": "demo",
        "presets": {"quick": Config(), "paper": Config(100)},
        "run": run,
        "claims": claims,
        "question": "Does it?",
    }
    return Experiment(**(parts | changes))


def test_configuration_is_the_preset_with_overrides():
    demo = experiment()
    assert demo.config() == Config(1)
    assert demo.config("paper") == Config(100)
    assert demo.config("paper", ["n=7"]) == Config(7)
    assert demo.config_type is Config
    with pytest.raises(LabError, match="preset='full' is unknown to demo; it has quick, paper"):
        demo.config("full")


def test_question_is_the_first_paragraph_of_the_file(laboratory):
    laboratory.add("uniform")
    loaded = laboratory.load("uniform")
    assert loaded.question == "Is the mean of a uniform variable one half?"
    assert loaded.source_file == (laboratory.experiments / "uniform.py").resolve()


def test_presets_cannot_be_changed():
    with pytest.raises(TypeError):
        experiment().presets["quick"] = Config(2)


def test_cost_is_in_seconds_or_unknown():
    assert experiment().seconds(Config()) is None
    assert experiment(cost=lambda config: 2 * config.n).seconds(Config(3)) == 6.0


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (lambda config: -1.0, "cost(config) of demo is -1.0; it must be seconds >= 0"),
        (lambda config: math.nan, "cost(config) of demo is nan"),
        (lambda config: 1 / 0, "cost(config) of demo failed: ZeroDivisionError: division by zero"),
    ],
)
def test_bad_cost_is_one_line(cost, message):
    with pytest.raises(LabError, match=re.escape(message)):
        experiment(cost=cost).seconds(Config())


@dataclass
class Thawed:
    n: int = 1


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": "two words"}, ValueError, "name='two words' must be the file's name without"),
        ({"run": 3}, TypeError, "run=3 must be a function"),
        ({"claims": None}, TypeError, "claims=None must be a function"),
        ({"presets": {"paper": Config()}}, ValueError, "must be a mapping that holds 'quick'"),
        ({"presets": {"quick": Thawed()}}, TypeError, "preset 'quick' is Thawed(n=1), needs an"),
        (
            {"presets": {"quick": Config(), "paper": {"n": 3}}},
            TypeError,
            "preset 'paper' is {'n': 3}, needs an instance of one frozen dataclass",
        ),
        ({"presets": {"quick": Config(math.nan)}}, ValueError, "config field n=nan must be finite"),
        ({"question": ""}, ValueError, "question is missing: begin the file with a docstring"),
    ],
)
def test_incomplete_experiments_are_refused(changes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        experiment(**changes)
