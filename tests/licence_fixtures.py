"""Terms of licences that tests ask for, as a world's YAML has them."""

from __future__ import annotations

from model.source import Terms

GARDEN = {
    "name": "garden-community",
    "title": "Garden Community License",
    "dated": "December 17, 2025",
    "url": "https://example.org/garden",
    "lines": ["It holds everywhere but in Utopia.", "Who passes the weights on adds a Notice file."],
}
POND = {"name": "pond", "title": "Pond License", "url": "https://example.org/pond", "lines": ["Keep off the fish."]}


def terms(values: dict) -> Terms:
    return Terms(**{**values, "lines": tuple(values["lines"])})
