"""Frozen dataclasses read strictly from YAML: an unknown key or a wrong type is one line that names it."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import TypeVar

from runtime.errors import UserError, brief

Settings = TypeVar("Settings")
REMEDY = "correct it, or restore the file from the repository"


def read_settings(cls: type[Settings], values: object, where: str, remedy: str = REMEDY) -> Settings:
    """`cls`, a frozen dataclass whose fields all have defaults, from a mapping; nested ones from nested mappings.

    Lists become tuples and whole numbers become floats where a field wants them. Raises UserError, which names `where`
    and, of a wrong value, the `remedy`.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"settings are a mapping of names to values, not {brief(values)}", where, remedy)
    kinds = typing.get_type_hints(cls)
    for key in values:
        if key not in kinds:
            raise UserError(f"unknown key {brief(key)}", where, f"known keys are {', '.join(sorted(map(str, kinds)))}")
    try:
        return cls(**{key: _fitted(kinds[key], value, str(key), where, remedy) for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise UserError(str(error), where, remedy) from error


def _fitted(wanted: object, value: object, key: str, where: str, remedy: str) -> object:
    """`value` as the type `wanted`; raises TypeError or ValueError that names `key`."""
    if dataclasses.is_dataclass(wanted):
        return read_settings(wanted, value, f"{where}: {key}", remedy)
    origin, inner = typing.get_origin(wanted) or wanted, typing.get_args(wanted)
    if origin is types.UnionType and value is not None:  # something or None
        return _fitted(inner[0], value, key, where, remedy)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        if len(kinds) != len(value):
            raise TypeError(f"{key} has {len(value)} entries, where {len(kinds)} are wanted")
        return tuple(_fitted(kind, item, key, where, remedy) for kind, item in zip(kinds, value, strict=True))
    if origin is list and inner and isinstance(value, list):
        return [_fitted(inner[0], item, key, where, remedy) for item in value]
    if origin is dict and inner and isinstance(value, dict):
        return {name: _fitted(inner[1], item, f"{key}.{name}", where, remedy) for name, item in value.items()}
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(origin, type) and type(value) is not origin:
        raise TypeError(f"{key} is {brief(value)}, where {getattr(wanted, '__name__', wanted)} is wanted")
    if origin is float and not math.isfinite(value):
        raise ValueError(f"{key} is {value}, where a finite number is wanted")
    return value


def write_settings(settings: object) -> dict:
    """The mapping that `read_settings` reads back, as YAML and JSON can hold it."""

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return plain(dataclasses.asdict(settings))
