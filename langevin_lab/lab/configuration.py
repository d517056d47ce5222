"""Configurations: frozen dataclasses, overridden from text, written as canonical JSON."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Iterable
from typing import Any

import numpy as np

from langevin_lab.lab.errors import LabError


def is_config(value: Any) -> bool:
    """Whether ``value`` is an instance of a frozen dataclass."""
    return (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and type(value).__dataclass_params__.frozen  # type: ignore[attr-defined]
    )


def as_json(config: Any) -> str:
    """The fields as JSON that does not depend on their order, nor on 1 against 1.0.

    Raises
    ------
    TypeError, ValueError
        If a field is no finite number, string, bool, None, or tuple or dict of these.
    """
    values = {
        field.name: _plain(field.name, getattr(config, field.name))
        for field in dataclasses.fields(config)
    }
    return json.dumps(values, sort_keys=True, allow_nan=False)


def with_overrides(config: Any, overrides: Iterable[str]) -> Any:
    """``config`` with fields replaced by texts ``field=value``, read by the fields' types.

    Raises
    ------
    LabError
        If a text has no "=", the field is unknown, its value does not fit the type, or the
        configuration refuses it.
    """
    hints = typing.get_type_hints(type(config))
    fields = {field.name: hints[field.name] for field in dataclasses.fields(config) if field.init}
    changes: dict[str, Any] = {}
    for text in overrides:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise LabError(f"--set {text}: write field=value, for example {_example(config)}")
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean {close[0]}?" if close else f"fields are {', '.join(fields)}"
            raise LabError(f"--set {text}: unknown field {name!r}; {hint}")
        try:
            changes[name] = parse(value.strip(), fields[name])
        except ValueError:
            raise LabError(
                f"--set {text}: {value.strip()!r} is no {type_name(fields[name])}; "
                f"the preset has {name}={getattr(config, name)!r}"
            ) from None
    try:
        return dataclasses.replace(config, **changes)
    except (TypeError, ValueError) as error:
        raise LabError(f"--set {' '.join(overrides)}: {error}") from error


def parse(text: str, hint: Any) -> Any:
    """Value of the type ``hint`` from text; ValueError if it does not fit.

    Understood are bool, int (1e5 too), float, str, Literal, optional and union types, and tuples
    of these as "1,2,3".
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _first_fit(text, arguments)
    if origin is typing.Literal:
        for choice in arguments:
            if str(choice) == text:
                return choice
        raise ValueError(text)
    if origin in (tuple, list):
        return _sequence(text, origin, arguments)
    if hint is type(None):
        if text.lower() in ("none", ""):
            return None
        raise ValueError(text)
    if hint is bool:
        return _boolean(text)
    if hint is int:
        return _integer(text)
    if hint in (float, str):
        return hint(text)
    raise ValueError(text)


def type_name(hint: Any) -> str:
    """A type as the user reads it in the configuration."""
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _first_fit(text: str, hints: tuple[Any, ...]) -> Any:
    # None and numbers before str, which takes everything.
    for hint in sorted(hints, key=lambda h: (h is str, h is not type(None))):
        try:
            return parse(text, hint)
        except ValueError:
            continue
    raise ValueError(text)


def _sequence(text: str, origin: Any, arguments: tuple[Any, ...]) -> Any:
    entries = [entry.strip() for entry in text.strip("()[] ").split(",")]
    if entries[-1] == "":  # "(1,)" and ""
        entries.pop()
    if origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return origin(parse(entry, arguments[0]) for entry in entries)
    if len(entries) != len(arguments):
        raise ValueError(text)
    return tuple(parse(entry, hint) for entry, hint in zip(entries, arguments))


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError(text)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # 1e5
        if not number.is_integer():
            raise
        return int(number)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not np.isfinite(value):
            raise ValueError(f"config field {name}={value} must be finite")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, (tuple, list)):
        return [_plain(name, entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _plain(f"{name}[{key!r}]", entry) for key, entry in value.items()}
    raise TypeError(
        f"config field {name} is a {type(value).__name__}; use numbers, strings, None, tuples "
        "or dicts, so that it can be hashed and stored"
    )


def _example(config: Any) -> str:
    field = dataclasses.fields(config)[0]
    return f"{field.name}={getattr(config, field.name)}"
