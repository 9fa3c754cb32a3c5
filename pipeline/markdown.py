"""Markdown whose values cannot break out: everything that comes from data is escaped, tables are pipe tables.

Text from data may hold any character. Markup marks text as already Markdown; all else is escaped on its way into
the template (Jinja2's `finalize`), so that a value `<script>` stays the words it is.
"""

import re
from collections.abc import Collection
from pathlib import Path

import jinja2
import pandas as pd

TEMPLATES = Path(__file__).parent / "templates"
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~^$@'\":&=])")
# Any white space but the no-break space, which holds an interval together.
SPACE = re.compile(r"[^\S\u00a0]+")
MISSING = "–"


class Markup(str):
    """Text that is already Markdown and is not escaped again."""


def escape(value) -> Markup:
    """Return `value` as Markdown that reads as the same plain text on one line; a missing value is a dash."""
    if isinstance(value, Markup):
        return value
    if value is None or (not isinstance(value, (list, dict)) and pd.isna(value)):
        return Markup(MISSING)
    text = SPACE.sub(" ", str(value)).strip()
    return Markup(SPECIAL.sub(r"\\\1", text))


def write_table(table: pd.DataFrame, caption: str, numbers: Collection[str] = (), name: str = "") -> Markup:
    """Return `table` as a pipe table with its caption; the columns that are among `numbers` are aligned right.

    A table without rows becomes a sentence that says so. The first column is marked as row headings.
    """
    if table.empty:
        return Markup(f"*{escape(caption)}: nothing to show.*")
    heads = [escape(column) for column in table.columns]
    rules = ["---:" if column in numbers else ":---" for column in table.columns]
    rows = [[escape(value) for value in row] for row in table.itertuples(index=False, name=None)]
    lines = [f"| {' | '.join(cells)} |" for cells in [heads, rules, *rows]]
    anchor = f' {{#tbl-{name} row-headings="1"}}' if name else ' {row-headings="1"}'
    return Markup("\n".join(lines) + f"\n\n: {escape(caption)}{anchor}\n")


def write_table_if_any(table: pd.DataFrame, caption: str, numbers: Collection[str] = (), name: str = "") -> Markup:
    """Return `table` as write_table does; empty text where it has no rows, for a template that says what is missing."""
    return Markup("") if table.empty else write_table(table, caption, numbers, name)


def write_tables(shown: dict[str, tuple[pd.DataFrame, str]], numbers: Collection[str] = ()) -> dict[str, Markup]:
    """Return every table of `shown` (by name: the table and its caption) as Markdown by its name; empty text for those without rows."""
    return {name: write_table_if_any(table, caption, numbers, name) for name, (table, caption) in shown.items()}


def write_figure(path: str, title: str, alt: str) -> Markup:
    """Return a figure with caption and alternative text.

    A drawing that holds nothing has no alternative text and becomes a sentence that says so, never an empty frame.
    """
    if not alt:
        return Markup(f"*{escape(title)}: no figure, because nothing could be estimated, or too few people stand behind it to be shown.*")
    quoted = SPACE.sub(" ", alt).replace("\\", "").replace('"', "”")
    return Markup(f'![{escape(title)}]({path}){{alt="{quoted}"}}')


def write_list(lines: list[str]) -> Markup:
    """Return `lines` as a bullet list."""
    return Markup("\n".join(f"- {escape(line)}" for line in lines))


def read_template(name: str) -> str:
    """Return the text of the template `name`."""
    return (TEMPLATES / f"{name}.md.j2").read_text(encoding="utf-8")


def fill_template(template: str, context: dict) -> str:
    """Return the Jinja2 `template` filled with `context`, every value escaped; a name it does not know is an error.

    A template may include others, by their path below TEMPLATES; they see the same context.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), finalize=escape, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(template).render(context)
