"""Frozen dataclasses read strictly from YAML: an unknown key or a wrong type is one line that names it."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import TypeVar

from runtime.errors import UserError

Settings = TypeVar("Settings")


def read_settings(cls: type[Settings], values: object, where: str) -> Settings:
    """`cls`, a frozen dataclass whose fields all have defaults, from a mapping; nested ones from nested mappings.

    Lists become tuples and whole numbers become floats where a field wants them. Raises UserError, which names `where`.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"settings are a mapping of names to values, not {values!r}", where)
    types = typing.get_type_hints(cls)
    for key in values:
        if key not in types:
            raise UserError(f"unknown key '{key}'", where, f"known keys are {', '.join(sorted(types))}")
    try:
        return cls(**{key: _fitted(types[key], value, f"{where}: {key}") for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise UserError(str(error), where, "correct it, or restore the file from the repository") from error


def _fitted(wanted: object, value: object, where: str) -> object:
    if dataclasses.is_dataclass(wanted):
        return read_settings(wanted, value, where)
    origin = typing.get_origin(wanted) or wanted
    if origin is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(wanted)[0]
        return tuple(_fitted(inner, item, where) for item in value)
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(origin, type) and type(value) is not origin:
        raise TypeError(f"{where} is {value!r}, where {getattr(wanted, '__name__', wanted)} is wanted")
    return value


def write_settings(settings: object) -> dict:
    """The mapping that `read_settings` reads back, as YAML and JSON can hold it."""

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return plain(dataclasses.asdict(settings))
