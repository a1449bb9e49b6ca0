"""YAML that people edit: the one place where it is read, strictly. What a document means is not known here.

A repeated mapping key is an error, where plain YAML would silently keep the last. In documents (keys, scripts, words)
scalars stay text, so that a key named `1`, `n` or `on` needs no quotes; files of values have them as they look.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from runtime.errors import UserError, brief

MOST_BYTES = 2**17  # what is larger nobody wrote by hand


class Once:
    """For a loader: refuses repeated mapping keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                said = f"{brief(key.value)} is given twice"
                raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class TextLoader(Once, yaml.BaseLoader):
    """Scalars stay text."""


class ValueLoader(Once, yaml.SafeLoader):
    """Scalars are what they look like, but only `true` and `false` are truth values: `off` is a word here."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if first in "tTfF" or not tag.endswith(":bool")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_values(content: bytes) -> object:
    """What is in a file of values; raises ValueError with what is wrong in it, in a few words, and the line."""
    try:
        return yaml.load(content.decode("utf-8"), Loader=ValueLoader)
    except Exception as error:  # the text, the YAML, or what a tag makes of a word, from KeyError to AttributeError
        raise ValueError(problem_of(error)) from error


def problem_of(error: Exception) -> str:
    """What is wrong, in a few words, and the line where that is known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split()) or type(error).__name__
    return f"{problem}, line {mark.line + 1}" if mark else problem


def read_document(path: Path | str) -> tuple[object, list[int]]:
    """The document's content (dicts, lists and text) and the line, from 1, on which each top-level entry begins.

    Raises UserError for what cannot be read, and for more than MOST_BYTES.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UserError(f"{path} is too long", f"more than {MOST_BYTES} bytes", "name another file, or shorten it")
        loader = TextLoader(content.decode("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}", error.strerror or str(error), "check the path") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} is not UTF-8 text", str(error), "save it as a plain UTF-8 text file") from error
    try:
        node = loader.get_single_node()
        if node is None:
            return None, []
        content = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise UserError(f"{path} cannot be read as YAML", problem_of(error), "correct that line") from error
    except RecursionError as error:
        raise UserError(f"{path} cannot be read as YAML", "too deeply nested", "write it plainly") from error
    finally:
        loader.dispose()
    entries = node.value if isinstance(node, yaml.CollectionNode) else []
    firsts = [entry[0] if isinstance(entry, tuple) else entry for entry in entries]
    return content, [first.start_mark.line + 1 for first in firsts]
