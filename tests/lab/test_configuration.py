import json
import math
import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest

from langevin_lab.lab.configuration import as_json, is_config, parse, with_overrides
from langevin_lab.lab.errors import LabError


@dataclass(frozen=True)
class Config:
    n_steps: int = 100
    dt: float = 0.1
    method: str = "BAOAB"
    verbose: bool = False
    ladder: tuple[float, ...] = (0.1, 0.2)
    pair: tuple[int, str] = (1, "a")
    limit: float | None = None
    kind: Literal["hot", "cold"] = "hot"
    table: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.dt <= 0:
            raise ValueError(f"dt={self.dt} must be > 0")


def test_json_ignores_the_order_of_fields_and_1_against_1_0():
    @dataclass(frozen=True)
    class One:
        a: float = 1.0
        b: int = 2

    @dataclass(frozen=True)
    class Other:
        b: float = 2.0
        a: int = 1

    assert as_json(One()) == as_json(Other()) == '{"a": 1, "b": 2}'


def test_json_keeps_every_digit():
    assert json.loads(as_json(Config(dt=0.1 + 0.2)))["dt"] == 0.1 + 0.2
    assert json.loads(as_json(Config(n_steps=2**63 - 1)))["n_steps"] == 2**63 - 1
    assert as_json(Config(dt=np.float64(0.25))) == as_json(Config(dt=0.25))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (math.nan, ValueError, "config field limit=nan must be finite"),
        (np.ones(2), TypeError, "config field limit is a ndarray; use numbers, strings"),
        ((1.0, math.inf), ValueError, "config field limit=inf must be finite"),
    ],
)
def test_values_that_cannot_be_hashed_are_refused(value, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_json(Config(limit=value))


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("n_steps=1e5", "n_steps", 100_000),
        ("n_steps = -3", "n_steps", -3),
        ("dt=1e-3", "dt", 1e-3),
        ("method=V R O R V", "method", "V R O R V"),
        ("verbose=yes", "verbose", True),
        ("verbose=0", "verbose", False),
        ("ladder=(1,2.5,)", "ladder", (1.0, 2.5)),
        ("ladder=", "ladder", ()),
        ("pair=3,b", "pair", (3, "b")),
        ("limit=2", "limit", 2.0),
        ("limit=none", "limit", None),
        ("kind=cold", "kind", "cold"),
    ],
)
def test_overrides_are_read_by_the_type_of_the_field(text, name, value):
    changed = getattr(with_overrides(Config(), [text]), name)
    assert changed == value
    assert type(changed) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_steps", "--set n_steps: write field=value, for example n_steps=100"),
        ("n_step=3", "--set n_step=3: unknown field 'n_step'; did you mean n_steps?"),
        ("zzz=3", "unknown field 'zzz'; fields are n_steps, dt, method"),
        ("n_steps=ten", "'ten' is no int; the preset has n_steps=100"),
        ("n_steps=1.5", "'1.5' is no int"),
        ("verbose=maybe", "'maybe' is no bool"),
        ("ladder=1,x", "'1,x' is no tuple[float, ...]; the preset has ladder=(0.1, 0.2)"),
        ("pair=1", "'1' is no tuple[int, str]"),
        ("limit=x", "'x' is no float | None"),
        ("kind=warm", "'warm' is no Literal['hot', 'cold']"),
        ("table=1", "'1' is no dict"),
        ("dt=-1", "--set dt=-1: dt=-1.0 must be > 0"),
    ],
)
def test_overrides_that_do_not_fit_are_one_clear_line(text, message):
    with pytest.raises(LabError, match=re.escape(message)) as caught:
        with_overrides(Config(), [text])
    assert "\n" not in str(caught.value)


def test_unions_prefer_numbers_to_text():
    assert parse("2", str | int) == 2
    assert parse("two", str | int) == "two"
    assert parse("1,2", list[int]) == [1, 2]


def test_only_frozen_dataclasses_are_configurations():
    @dataclass
    class Loose:
        a: int = 1

    assert is_config(Config())
    assert not is_config(Loose())
    assert not is_config(Config)
    assert not is_config({"a": 1})
