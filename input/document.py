"""YAML documents that people edit: read strictly, with every mistake told as a UserError.

Scalars stay text (a key named `1`, `n` or `on` needs no quotes) and a repeated mapping key is an error, where plain
YAML would silently keep the last. What a document means is not known here.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from runtime.errors import UserError, brief

MOST_BYTES = 2**17  # what is larger nobody wrote by hand


class StrictLoader(yaml.BaseLoader):
    """BaseLoader that refuses repeated mapping keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            times = Counter(key.value for key, _ in node.value)
            key = next(key for key, _ in node.value if times[key.value] > 1)
            raise yaml.constructor.ConstructorError(None, None, f"{brief(key.value)} is given twice", node.start_mark)
        return mapping


def read_document(path: Path | str) -> tuple[object, list[int]]:
    """The document's content (dicts, lists and text) and the line, from 1, on which each top-level entry begins.

    Raises UserError for what cannot be read, and for more than MOST_BYTES.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UserError(f"{path} is too long", f"more than {MOST_BYTES} bytes", "name another file, or shorten it")
        loader = StrictLoader(content.decode("utf-8"))
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
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(f"{path} cannot be read as YAML", f"{problem}{line}", "correct that line") from error
    except RecursionError as error:
        raise UserError(f"{path} cannot be read as YAML", "too deeply nested", "write it plainly") from error
    finally:
        loader.dispose()
    entries = node.value if isinstance(node, yaml.CollectionNode) else []
    firsts = [entry[0] if isinstance(entry, tuple) else entry for entry in entries]
    return content, [first.start_mark.line + 1 for first in firsts]
