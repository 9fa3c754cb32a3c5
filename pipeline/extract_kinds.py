"""What a set of extracts of each kind holds: identified, pseudonymised (a person_id in place of the identifiers) or a ready panel.

What a pseudonymised set or a panel may leave out is left out of what the reader is told to expect, so that nobody has to
add empty columns; `complete_columns` adds them afterwards.
"""

import re

import pandas as pd

from pipeline.errors import InputError
from pipeline.extract_columns import IDENTIFIED, MENTORS
from pipeline.extract_facts import read_entries
from pipeline.extract_mapping import TableMapping
from pipeline.panel_forms import panel_columns
from pipeline.source_files import find_files, open_top

PSEUDONYMISED = {
    "referrals": {
        "referral_id": "text", "person_id": "text", "referred_on": "date", "referral_source": "text", "primary_need": "text",
        "accepted": "flag", "first_contact_on": "date", "closed_on": "date", "closure_reason": "text",
    },
    "contacts": {
        "contact_id": "text", "incident_id": "text", "received_at": "time", "service": "text", "channel": "text", "opening_code": "text",
        "closing_code": "text", "grade": "text", "role": "text", "person_id": "text", "sex": "text", "birth_year": "number", "area": "text",
        "attended": "flag", "officer_minutes": "number", "duplicate_of": "text",
    },
    "exits": {"person_id": "text", "from_on": "date", "to_on": "date", "reason": "text"},
    "mentors": MENTORS,
}  # fmt: skip
# A pseudonymised set may come without these columns.
MAY_LACK = {
    "referrals": ("referral_source", "primary_need", "closed_on", "closure_reason"),
    "contacts": ("opening_code", "closing_code", "grade", "sex", "birth_year", "area", "officer_minutes", "duplicate_of"),
    "exits": (),
    "mentors": (),
}
# Column names that say who a person is, letters only: a set that has one was not pseudonymised.
IDENTIFIERS = {
    "forename", "firstname", "givenname", "surname", "lastname", "familyname", "name", "fullname", "dateofbirth", "dob", "birthdate", "phone",
    "phonenumber", "telephone", "mobile", "email", "address", "street", "postcode", "nhsnumber", "nationalinsurancenumber", "pncid",
}  # fmt: skip


def tables_of_kind(folder: str, extracts) -> dict[str, dict[str, str]]:
    """Return what the set in `folder` must hold (table → column → what it holds); `extracts` has that section of params.yaml.

    Raises InputError where a set that should hold no identifiers has columns of them, or a panel no outcome.
    """
    if extracts.kind == "identified":
        return IDENTIFIED
    names = ["panel"] if extracts.kind == "panel" else list(PSEUDONYMISED)
    offered = {name: list_offered(folder, name) for name in names}
    InputError.collect([problem for name, (_, theirs) in offered.items() for problem in find_identifiers(folder, name, theirs)])
    if extracts.kind == "panel":
        ours, _ = offered["panel"]
        # Where there is no file at all, the reader says so.
        return {"panel": panel_columns(ours, extracts.outcomes, extracts.covariates) if ours else {"person_id": "text"}}
    return {
        name: {column: kind for column, kind in columns.items() if column not in MAY_LACK[name] or column in offered[name][0]}
        for name, columns in PSEUDONYMISED.items()
    }


def list_offered(folder: str, name: str) -> tuple[list[str], list[str]]:
    """Return the columns that the set offers for the table `name` under our names, and all column names of its files."""
    entries, _ = read_entries(folder)
    tables = entries.get("tables")
    given = tables.get(name) if isinstance(tables, dict) else None
    given = given if isinstance(given, dict) else None
    files = TableMapping(files=[f"{name}.{suffix}" for suffix in ("csv", "xlsx", "parquet")], is_mapped=False)
    if given is not None:
        try:
            files = TableMapping.model_validate(given)
        except ValueError:
            # The reader tells what is wrong with it.
            return [], []
    header = [column for path in find_files(folder, files) for column in open_top(folder, path, files).header]
    return [*files.columns, *files.constants, *files.absent] if given is not None else list(dict.fromkeys(header)), header


def find_identifiers(folder: str, name: str, header: list[str]) -> list[str]:
    """Return a line when `header` has columns that say who a person is."""
    found = sorted({column for column in header if re.sub("[^a-z]", "", column.lower()) in IDENTIFIERS})
    if not found:
        return []
    return [
        f"{folder}, {name}: holds identifiers ({', '.join(found)}), and extracts.kind says that it has none. Remove these columns before the set leaves "
        "the force, or set extracts.kind in params.yaml to identified."
    ]


def complete_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return `frame`, the table `name` of a pseudonymised set, with every column it may have, missing ones blank, in our order."""
    types = {"text": "str", "number": "float64", "date": "datetime64[us]"}
    lacking = {column: pd.Series(index=frame.index, dtype=types[kind]) for column, kind in PSEUDONYMISED[name].items() if column not in frame}
    return frame.assign(**lacking)[list(PSEUDONYMISED[name])]
