"""Write the generated parts of the docs: the data dictionary, the settings, the tables, the groups.

Run: .venv/bin/python scripts/write_docs.py; the tests hold that the pages are what it writes.
"""

import inspect
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from contract.columns import TABLES
from contract.flat import flat_schema
from contract.settings import Settings
from contract.tables import Layout
from features.dictionary import FEATURES, describe
from features.pairing import describe_pairs
from features.pairs import PAIRS
from serving.reasons.changes import SENTENCES
from serving.reasons.edits import EDITS
from serving.reasons.groups import GROUPS, cut_ending, find_group

DOCS = Path(__file__).resolve().parent.parent / "docs"
END = "<!-- end -->"


def main() -> None:
    """Write every generated part into its page."""
    for page, text in make_pages().items():
        page.write_text(text, "utf-8")


def make_pages() -> Mapping[Path, str]:
    """Return each page's whole text, with its generated parts made anew."""
    parts = {
        "features.md": {"dictionary": make_dictionary()},
        "settings.md": {"settings": make_settings()},
        "tables.md": {"tables": make_tables(), "layout": make_layout()},
        "batch.md": {"columns": make_columns()},
        "cross_sell.md": {"pairs": make_pairs()},
        "reasons.md": {"groups": make_groups(), "edits": make_edits()},
    }
    return {
        DOCS / name: fill((DOCS / name).read_text("utf-8"), made) for name, made in parts.items()
    }


def fill(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with the text between each part's marks replaced."""
    for name, text in parts.items():
        before, begin, rest = page.partition(f"<!-- begin: {name} -->\n")
        after = rest.partition(END)[2]
        page = f"{before}{begin}{text}\n{END}{after}"
    return page


def make_dictionary() -> str:
    """Return a table of features for each file that defines some."""
    rooms = groupby(FEATURES.values(), key=lambda feature: feature.room)
    parts = []
    for room, features in rooms:
        entries = describe(tuple(f.name for f in features))
        rows = [
            f"| `{e['name']}` | {e['meaning']} | {e['unit']} | {e['made_of']} | {e['window']}"
            f" | {e['missing']} |"
            for e in entries
        ]
        head = "| name | meaning | unit | made of | window | missing |\n|---|---|---|---|---|---|"
        methods = [f"- `{e['name']}`: {e['method']}" for e in entries if e["method"]]
        parts.append(
            "\n".join([f"## {room}", "", head, *rows, *([""] if methods else []), *methods])
        )
    return "\n\n".join(parts)


def make_pairs() -> str:
    """Return a table of the features of a pair of customer and category."""
    rows = [
        f"| `{e['name']}` | {e['meaning']} | {e['unit']} | {e['made_of']} | {e['missing']} |"
        for e in describe_pairs()
    ]
    head = "| name | meaning | unit | made of | missing |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def make_groups() -> str:
    """Return a table of the groups of reasons, and the features of each, windows put together."""
    rows = []
    for group, (english, chinese) in GROUPS.items():
        stems = dict.fromkeys(
            cut_ending(name)[0] if cut_ending(name)[0] not in FEATURES else name
            for name in (*FEATURES, *PAIRS)
            if find_group(name) == group
        )
        own = [*stems, *(["`attribute_…`"] if group == "profile" else [])]
        rows.append(f"| `{group}` | {english} | {chinese} | {', '.join(own)} |")
    return "\n".join(
        ["| group | | | features, without their windows |", "|---|---|---|---|", *rows]
    )


def make_edits() -> str:
    """Return a table of the edits of a history that are tried."""
    rows = [
        f"| `{name}` | {inspect.getdoc(edit)} | {SENTENCES[name][1]} |".replace(
            "Return the history with ", ""
        )
        for name, edit in EDITS.items()
    ]
    return "\n".join(["| edit | the history with | in Chinese |", "|---|---|---|", *rows])


def make_settings() -> str:
    """Return a table of the environment variables that Patron reads."""
    rows = [
        f"| `{info.validation_alias or 'PATRON_' + name.upper()}` | {info.description} |"
        for name, info in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | meaning |", "|---|---|", *rows])


def make_tables() -> str:
    """Return a table of every column that comes in."""
    rows = [
        f"| {table.name} | `{c.name}`{' *' if c.required else ''} | {c.kind} |"
        for table in TABLES.values()
        for c in table.columns
    ]
    return "\n".join(["| table | column | kind |", "|---|---|---|", *rows])


def make_layout() -> str:
    """Return a table of what tables.toml may say."""
    rows = [f"| `{name}` | {info.description} |" for name, info in Layout.model_fields.items()]
    return "\n".join(["| key | meaning |", "|---|---|", *rows])


def make_columns() -> str:
    """Return a table of the batch's columns."""
    rows = [f"| `{field.name}` | {field.type} |" for field in flat_schema()]
    return "\n".join(["| column | type |", "|---|---|", *rows])


if __name__ == "__main__":
    main()
