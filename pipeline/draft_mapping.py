"""Drafts the mapping of a set of extracts: `python -m pipeline.draft_mapping data/raw/ours`.

It reads the files, guesses which is which table, whose columns, dates and codes become ours, writes the guesses to
extracts.draft.yaml beside them, and says how sure it is and what is still missing. A "?" in the draft is for somebody who
knows the extracts. What is printed holds names of columns and counts, never a value; codes stand in the draft only, on
the secure disk. A key of the person ids is drawn where there is none. Nothing that is there already is overwritten.
"""

import secrets
import sys
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import yaml

from pipeline.column_guesses import Column, find_clock, guess_codes, match_columns, profile_columns, say_how_sure, score_columns
from pipeline.errors import InputError
from pipeline.extract_columns import CODES, IDENTIFIED, NEEDED, OPTIONAL
from pipeline.extract_facts import MAPPING, PERSON_KEY, extracts_folder
from pipeline.extract_mapping import TableMapping
from pipeline.extract_values import read_values
from pipeline.file_guesses import FileGroup, group_files, name_files
from pipeline.tables import read_reference

DRAFT = "extracts.draft.yaml"
# A group of files is taken for a table only when so much of the table is found in it.
LEAST_SHARE = 0.3


@dataclass
class TableDraft:
    """The draft of one table: its entry, how sure each column is, and what is still missing."""

    entry: dict = field(default_factory=dict)
    sure: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def draft_mapping(folder: str, tables: dict = IDENTIFIED) -> tuple[dict[str, TableDraft], list[str]]:
    """Return a draft for each of `tables` for which files were found in `folder`, and lines about files that are in none."""
    words = {row.column: row.words.split("|") for row in read_reference("column_words").itertuples()}
    groups, problems = group_files(folder)
    profiles = []
    for group in groups:
        try:
            profiles.append((group, profile_columns(read_texts(group))))
        except InputError as error:
            problems.append(str(error))
    drafts = {}
    for name, group, columns in assign_tables(profiles, tables, words):
        drafts[name] = draft_table(name, group, columns, tables[name], words, folder)
    return drafts, problems


def read_texts(group: FileGroup) -> pa.Table:
    """Return all columns of the group's files as text under their own names."""
    names = [name for name in dict.fromkeys(group.header) if name]
    table = TableMapping(files=["*"], columns={name: [name] for name in names}, is_mapped=False)
    return pa.concat_tables([read_values(source, table, "", dict.fromkeys(names, "text"))[0] for source in group.sources])


def assign_tables(profiles: list[tuple[FileGroup, list[Column]]], tables: dict, words: dict) -> list[tuple[str, FileGroup, list[Column]]]:
    """Return for each table the group of files in which most of it is found, the best fit first, each group once."""
    fits = []
    for number, (_, columns) in enumerate(profiles):
        for name, ours in tables.items():
            matched = match_columns(score_columns(ours, columns, words))
            share = sum(score for _, score in matched.values()) / max(len(ours), len(columns))
            fits.append((share, name, number))
    chosen, taken = [], set()
    for share, name, number in sorted(fits, key=lambda fit: (-fit[0], fit[1])):
        if share >= LEAST_SHARE and name not in {table for table, _, _ in chosen} and number not in taken:
            chosen.append((name, *profiles[number]))
            taken.add(number)
    return sorted(chosen, key=lambda choice: list(tables).index(choice[0]))


def draft_table(name: str, group: FileGroup, theirs: list[Column], ours: dict[str, str], words: dict, folder: str) -> TableDraft:
    """Return the draft of the table `name` from the columns of its files."""
    draft, by_name = TableDraft(), {column.name: column for column in theirs}
    scores = score_columns(ours, theirs, words)
    matched = match_columns(scores)
    names = name_files(group, folder)
    draft.entry = {"files": names if len(names) > 1 else names[0], **dict(group.options), "columns": {}}
    for column, kind in ours.items():
        sources = [matched[column][0]] if column in matched else []
        if kind == "time" and not sources:
            as_date = score_columns({column: "date"}, theirs, words).loc[column]
            sources = find_clock(matched, as_date, theirs)
        if sources:
            draft.entry["columns"][column] = sources[0] if len(sources) == 1 else sources
            draft.sure[column] = say_how_sure(matched[column][1]) if column in matched else "likely"
        elif column == "service":
            draft.entry.setdefault("constants", {})[column] = "police"
            draft.sure[column] = "likely"
        elif column in NEEDED.get(name, ()) or kind == "flag":
            draft.entry["columns"][column] = "?"
            draft.missing.append(f"{column}: no column of theirs was recognised, and {name} cannot do without it.")
        else:
            draft.entry.setdefault("absent", []).append(column)
            draft.missing.append(f"{column}: no column of theirs was recognised; drafted as absent.")
    add_dates(draft, by_name, ours, group)
    add_codes(draft, by_name, name, ours)
    return draft


def listed_sources(draft: TableDraft, column: str) -> list[str]:
    """Return the names of the columns that the draft maps to our `column`."""
    sources = draft.entry["columns"].get(column, [])
    return sources if isinstance(sources, list) else [sources]


def add_dates(draft: TableDraft, theirs: dict[str, Column], ours: dict[str, str], group: FileGroup) -> None:
    """Add the order of day, month and year of each date: the one that fits, or "?" where several do."""
    orders = {}
    for column, kind in ours.items():
        sources = [theirs[name] for name in listed_sources(draft, column) if name in theirs]
        if kind not in ("date", "time") or not sources or not sources[0].n_filled:
            continue
        fitting = sources[0].timed_orders if kind == "time" and len(sources) == 1 else sources[0].orders
        if len(fitting) == 1:
            orders[column] = fitting[0]
        else:
            orders[column] = "?"
            draft.missing.append(f"{column}: its dates fit {' and '.join(fitting) if fitting else 'no order that is known'}. Say which order they are in.")
    told = {order for order in orders.values()}
    if told - {"iso"}:
        draft.entry["dates"] = orders if len(told) > 1 else told.pop()


def add_codes(draft: TableDraft, theirs: dict[str, Column], name: str, ours: dict[str, str]) -> None:
    """Add what their codes mean where a column has a list of codes; "?" where no meaning was recognised."""
    spellings: dict[str, dict[str, list[str]]] = {}
    for row in read_reference("code_words").astype(str).itertuples():
        spellings.setdefault(row.column, {})[row.code] = row.words.split("|")
    types = {code: spellings["contact_type"].get(code, []) for code in read_reference("contact_types")["code"]}
    flags = {"true": ["y", "yes", "1", "t"], "false": ["n", "no", "0", "f"]}
    for column, kind in ours.items():
        sources = [theirs[source] for source in listed_sources(draft, column) if source in theirs]
        known = types if column in ("opening_code", "closing_code") else spellings.get(column, flags if kind == "flag" else None)
        if kind not in ("text", "flag") or not known or not sources:
            continue
        codes = sources[0].codes
        if sources[0].values and set(sources[0].values) <= set(known):
            continue
        if not codes and sources[0].n_filled and (kind == "flag" or column in CODES.get(name, {})):
            draft.missing.append(f"{column}: their column does not look like a list of codes. Is it the right one?")
        if not codes:
            continue
        guesses = guess_codes(codes, known)
        draft.entry.setdefault("codes", {})[column] = guesses
        n_open = list(guesses.values()).count("?")
        if n_open:
            draft.missing.append(f"{column}: {n_open} of {len(guesses)} codes without a meaning. Replace each \"?\" in the draft by one of {', '.join(known)}.")


def write_draft(drafts: dict[str, TableDraft]) -> str:
    """Return the draft as YAML."""
    tables = {name: draft.entry for name, draft in drafts.items()}
    head = "# A draft: read every line. \"?\" is for somebody who knows the extracts; then rename this file to extracts.yaml.\n"
    return head + "simulated: false\n" + yaml.safe_dump({"tables": tables}, sort_keys=False, allow_unicode=True, width=140)


def describe_drafts(drafts: dict[str, TableDraft], problems: list[str], tables: dict) -> list[str]:
    """Return what was guessed and what is missing, line by line, without a value."""
    lines = []
    for name, draft in drafts.items():
        files = draft.entry["files"]
        lines += ["", f"{name}: {', '.join(files) if isinstance(files, list) else files}"]
        width = max(map(len, draft.sure), default=0)
        for column, sure in draft.sure.items():
            sources = " + ".join(repr(source) for source in listed_sources(draft, column)) or "always police"
            lines.append(f"  {column.ljust(width)}  {sure.ljust(8)}  {sources}")
        lines += [f"  missing: {line}" for line in draft.missing]
    for name in tables:
        if name not in drafts:
            lines += ["", f"{name}: no file was recognised{' (a set may come without it)' if name in OPTIONAL else ''}."]
    return lines + [""] * bool(problems) + [f"left out: {problem}" for problem in problems]


def main(arguments: list[str]) -> int:
    """Draft the mapping of the folder that the command line names, and return the exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("Usage: python -m pipeline.draft_mapping FOLDER, for example data/raw/ours.", file=sys.stderr)
        return 2
    folder = arguments[0].rstrip("/")
    try:
        root = extracts_folder(folder)
        if not root.is_dir():
            raise InputError(f"{folder}: there is no such folder. Correct the name, or put the extracts there.")
        if (root / DRAFT).exists():
            raise InputError(f"{folder}/{DRAFT}: is there already. Rename it to {MAPPING} to use it, or remove it to draft anew.")
        drafts, problems = draft_mapping(folder)
        (root / DRAFT).write_text(write_draft(drafts), encoding="utf-8")
        print("\n".join(describe_drafts(drafts, problems, IDENTIFIED)))
        if not (root / PERSON_KEY).exists():
            (root / PERSON_KEY).touch(mode=0o600)
            (root / PERSON_KEY).write_text(f"{secrets.token_hex(32)}\n", encoding="utf-8")
            print(f"\n{folder}/{PERSON_KEY}: drawn. Keep it with the extracts and share it with nobody.")
        print(f"\n{folder}/{DRAFT}: written. Read every line, answer each \"?\", say whether the set is simulated, and rename it to {MAPPING}.")
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
