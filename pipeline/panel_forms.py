"""The file of a ready panel as our tables: what each column may say, which of two forms it has, and what may not stand in it.

Relative form (`ready_panel`): month is a whole number, months from time zero, and index_month a calendar month. Calendar form
(`calendar_panel`): month is a calendar month, written as 2017-03, as 201703, as a day, or as the number of a period, and
index_month likewise. Messages name columns and row numbers, never a value.
"""

import hashlib

import pandas as pd

from pipeline.errors import InputError

# Which arm a value of `arm` means, and whether it says that the person engaged.
ARMS = {
    "referred": ("referred", None), "engaged": ("referred", True), "never_engaged": ("referred", False),
    "not_yet_referred": ("not_yet_referred", None), "never_referred": ("not_yet_referred", None), "not_referred": ("not_yet_referred", None),
}  # fmt: skip
FLAGS = {"true": True, "yes": True, "1": True, "1.0": True, "false": False, "no": False, "0": False, "0.0": False}
COUNTED = ("n_contacts", "n_caller", "n_subject", "n_victim", "n_101", "n_999", "n_attended", "officer_minutes")
KNOWN = {"person_id": "text", "arm": "text", "is_engaged": "text", "index_month": "text", "month": "text", "exposure_days": "number"}
COVARIATES = {"sex": "text", "birth_year": "number", "age": "number", "area": "text", "primary_need": "text", "referral_source": "text"}
NEEDED = ("person_id", "index_month", "month")
EXTRA = "covariate_"
LONGEST_MONTH = 31
# What stands for "never" in index_month, beside a blank; 0 and numbers below it do too where periods are numbered from 1.
NEVER_WORDS = {"inf", "+inf", "infinity", "never", "na", "n/a", "nan", "nat", "null", "none", "0", "0.0"}
NUMBER = r"-?\d+(?:\.0+)?"
YEAR_MONTH = r"(?:19|20|21)\d\d(?:0[1-9]|1[0-2])(?:\.0)?"
WHERE = "Extract panel"


def panel_columns(header: list[str], outcomes: list[str], covariates: list[str]) -> dict[str, str]:
    """Return the columns that a panel with this `header` is read with: each name and what it holds (text or number).

    `outcomes` and `covariates` are the names given in params.yaml; without `outcomes` those columns count that bear the
    name of one of ours or begin with n_. Raises InputError for columns that are missing or that mean two things.
    """
    counted = list(outcomes) or [name for name in header if name in COUNTED or name.startswith("n_")]
    missing = [name for name in [*NEEDED, *counted, *covariates] if name not in header]
    problems = [f"{WHERE}: columns missing: {', '.join(missing)}. Add them, or correct extracts.outcomes and extracts.covariates in params.yaml."] if missing else []
    if not counted:
        problems.append(f"{WHERE}: no column is known as an outcome. Name the columns that count something under extracts.outcomes in params.yaml, the main one first.")
    double = sorted({name for name in [*counted, *covariates] if name in KNOWN or [*counted, *covariates].count(name) > 1})
    if double:
        problems.append(f"params.yaml, extracts.outcomes and extracts.covariates: named twice, or a column with a meaning of its own: {', '.join(double)}. Name each once.")
    InputError.collect(problems)
    known = {name: kind for name, kind in {**KNOWN, **COVARIATES}.items() if name in header}
    return known | {name: "text" for name in covariates if name not in known} | dict.fromkeys(counted, "number")


def name_outcomes(counted: list[str]) -> dict[str, str]:
    """Return by which name each outcome goes on: its own, but the primary, which is n_contacts or else the first, as n_contacts."""
    primary = "n_contacts" if "n_contacts" in counted else counted[0]
    return {primary: "n_contacts"} | {name: name for name in counted if name != primary}


def name_months(panel: pd.DataFrame, first_month: str) -> pd.DataFrame:
    """Return `panel` with calendar months written as 2017-03 wherever it has calendar months, and a blank index_month for never.

    201703 is read as what it is. Numbered periods are told from months from time zero by index_month, which is numbered
    too; number 1 is `first_month`, and a start beyond the last period of the panel is none within it. Raises InputError
    where periods are numbered and nobody said which month number 1 is.
    """
    index = panel["index_month"].mask(panel["index_month"].str.lower().isin(NEVER_WORDS))
    months = panel["month"].dropna()
    if len(months) and months.str.fullmatch(YEAR_MONTH).all():
        panel = panel.assign(month=split_year(panel["month"]))
    index = split_year(index).where(index.str.fullmatch(YEAR_MONTH).fillna(False).astype(bool), index)
    # Where nobody ever starts, first_month alone tells periods from months from time zero.
    is_numbered = len(months) and panel["month"].dropna().str.fullmatch(NUMBER).all() and index.dropna().str.fullmatch(NUMBER).all() and (index.notna().any() or first_month)
    if not is_numbered:
        return panel.assign(index_month=index)
    if not first_month:
        raise InputError(
            f"{WHERE}, month: periods are numbered, and so are starts. Say in params.yaml, extracts.first_month, which calendar month number 1 is, for example \"2011-01\"; "
            "where nobody knows, any month will do, and season and calendar dates in the report then mean nothing."
        )
    number, start = pd.to_numeric(panel["month"]), pd.to_numeric(index)
    start = start.where(start.between(min(number.min(), 1), number.max()))
    return panel.assign(month=count_from(first_month, number), index_month=count_from(first_month, start))


def split_year(text: pd.Series) -> pd.Series:
    """Return 201703 as 2017-03."""
    return text.str.slice(0, 4) + "-" + text.str.slice(4, 6)


def count_from(first_month: str, number: pd.Series) -> pd.Series:
    """Return the calendar month, as 2017-03, of each number, 1 being `first_month`; missing where the number is."""
    first = pd.Period(first_month, freq="M")
    names = {one: str(first + (int(one) - 1)) for one in number.dropna().unique()}
    return number.map(names).astype("str").where(number.notna())


def sort_forms(panel: pd.DataFrame, outcomes: list[str], covariates: list[str], first_month: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (ready_panel, calendar_panel): the rows of `panel`, typed, in the table of its form; the other table is empty.

    `panel` has the columns of panel_columns. Columns: person_id, arm (referred or not_yet_referred), is_engaged (missing where
    nothing says), index_month, month (whole number or first day of the month), exposure_days, outcomes (the primary as
    n_contacts), known covariates, and further ones as covariate_<name>. Sorted by person and month.
    `first_month` is extracts.first_month. Raises InputError that lists every kind of mistake at once.
    """
    panel = name_months(panel, first_month)
    months = panel["month"].str.fullmatch(NUMBER).fillna(False).astype(bool)
    is_relative = bool(months.any())
    typed, problems = type_columns(panel, is_relative)
    counted = [name for name in panel.columns if name not in [*KNOWN, *COVARIATES, *covariates]]
    problems += find_value_problems(panel, typed, counted)
    InputError.collect(problems)
    problems = find_relative_problems(typed) if is_relative else find_calendar_problems(typed)
    InputError.collect([*problems, *find_gaps(typed, is_relative)])
    values = panel[counted].rename(columns=name_outcomes(list(outcomes) or counted))
    known = panel[[name for name in COVARIATES if name in panel]]
    extra = pd.DataFrame({EXTRA + name: number_or_text(panel[name]) for name in covariates if name not in COVARIATES}, index=panel.index)
    table = pd.concat([typed, values[sorted(values, key=lambda name: name != "n_contacts")], known, extra], axis=1)
    table = table.sort_values([*trial_keys(is_relative), "month"], ignore_index=True)
    return (table, empty_panel("datetime64[us]")) if is_relative else (empty_panel("int64"), table)


def hash_people(panel: pd.DataFrame, person_key: str) -> pd.DataFrame:
    """Return `panel` with the keyed hash of each person_id in its place, as for every person of the project."""
    hashed = {one: "P" + hashlib.blake2b(one.encode(), key=person_key.encode()[:64], digest_size=8).hexdigest() for one in panel["person_id"].dropna().unique()}
    return panel.assign(person_id=panel["person_id"].map(hashed).astype("str"))


def describe_forms(ready_panel: pd.DataFrame, calendar_panel: pd.DataFrame) -> pd.DataFrame:
    """Return what the panel holds, one row per form and arm that it has: form, arm, n_people, n_rows."""
    both = pd.concat([table[["person_id", "arm"]].assign(form=form) for form, table in (("months from time zero", ready_panel), ("calendar months", calendar_panel)) if len(table)])
    return both.groupby(["form", "arm"], as_index=False).agg(n_people=("person_id", "nunique"), n_rows=("arm", "size"))


def empty_panel(month: str) -> pd.DataFrame:
    """Return a ready panel without rows; `month` is the type of its months."""
    types = {"person_id": "str", "arm": "str", "is_engaged": "boolean", "index_month": "datetime64[us]", "month": month, "exposure_days": "float64", "n_contacts": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def trial_keys(is_relative: bool) -> list[str]:
    """Return what tells one series of months from another."""
    return ["person_id", "index_month", "arm"] if is_relative else ["person_id"]


def type_columns(panel: pd.DataFrame, is_relative: bool) -> tuple[pd.DataFrame, list[str]]:
    """Return the key columns of `panel` typed, and what is wrong with them."""
    index_month, bad_index = read_months(panel["index_month"])
    month, bad_month = (pd.to_numeric(panel["month"], errors="coerce"), None) if is_relative else read_months(panel["month"])
    bad_month = month.isna() if bad_month is None else bad_month | month.isna()
    arms = panel["arm"].str.lower().str.replace(" ", "_") if "arm" in panel else index_month.notna().map({True: "referred", False: "never_referred"})
    unknown = ~arms.isin(ARMS)
    engaged, bad_engaged = read_engaged(panel, arms)
    given = panel["exposure_days"] if "exposure_days" in panel else days_in_month(month, is_relative)
    typed = pd.DataFrame({
        "person_id": panel["person_id"], "arm": arms.map({name: arm for name, (arm, _) in ARMS.items()}), "is_engaged": engaged,
        "index_month": index_month, "month": month.fillna(0).astype("int64") if is_relative else month, "exposure_days": given,
    })  # fmt: skip
    form = "whole numbers (months from time zero, or periods) or calendar months as 2017-03, the same throughout"
    return typed, [
        *say("person_id", panel["person_id"].isna(), "blank", "Give every row its person"),
        *say("index_month", bad_index, "no month", "Write 2017-03, blank for people never referred; numbers only where month is numbered too"),
        *say("month", bad_month, "no month, or a month in another form than the rest", f"Write {form}"),
        *say("arm", unknown, "no known arm", f"Write one of {', '.join(ARMS)}"),
        *say("is_engaged", bad_engaged, "neither true nor false, not what arm says, or blank for some of the people referred only", "Write true or false for everyone referred, or leave the column out"),
    ]


def read_months(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return months written as 2017-03 or as a day of the month, as first days, and which texts are no month."""
    matched = text.str.extract(r"^(\d{4}-\d{2})(?:-\d{2})?(?:[ T]00:00:00(?:\.0+)?)?(?:Z| UTC|\+00:00|\+00)?$")[0]
    months = pd.to_datetime(matched, format="%Y-%m", errors="coerce").astype("datetime64[us]")
    return months, months.isna() & text.notna()


def read_engaged(panel: pd.DataFrame, arms: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return whether each row's person engaged, missing where nothing says or the person is not referred, and which rows contradict."""
    said_by_arm = arms.map({name: engaged for name, (_, engaged) in ARMS.items()}).astype("boolean")
    if "is_engaged" not in panel:
        return said_by_arm, pd.Series(False, index=panel.index)
    text = panel["is_engaged"].str.lower()
    said = text.map(FLAGS).astype("boolean")
    bad = (text.notna() & said.isna()) | (said_by_arm.notna() & said.notna() & (said_by_arm != said)).fillna(False)
    is_referred = arms.map({name: arm for name, (arm, _) in ARMS.items()}).eq("referred")
    engaged = said_by_arm.fillna(said).where(is_referred)
    # Known for some and blank for others would count the others as never engaged.
    bad |= is_referred & engaged.isna() & engaged.notna().any()
    return engaged, bad.astype(bool)


def days_in_month(month: pd.Series, is_relative: bool) -> pd.Series:
    """Return the days of each calendar month, or of a mean one, for a panel that gives no exposure."""
    return pd.Series(365.25 / 12, index=month.index) if is_relative else month.dt.days_in_month.astype(float)


def say(column: str, bad: pd.Series, found: str, todo: str) -> list[str]:
    """Return one line about the rows marked in `bad`, without their values; none when there are none."""
    if not bad.any():
        return []
    first = int(bad.to_numpy().argmax()) + 1
    return [f"{WHERE}, {column}: {found}: {int(bad.sum()):,} rows, the first in row {first} below the header. {todo}."]


def find_value_problems(panel: pd.DataFrame, typed: pd.DataFrame, counted: list[str]) -> list[str]:
    """Return what is wrong with exposure and counts, row by row."""
    days = typed["exposure_days"]
    problems = [
        *say("exposure_days", days.isna(), "blank", "Write the days of the month on which the person could make contact, 0 for none"),
        *say("exposure_days", days < 0, "below zero", "Write 0 where a person could not make contact"),
        *say("exposure_days", days > LONGEST_MONTH, "more days than a month has", "One row is one person in one month"),
    ]
    for name in counted:
        counts = panel[name]
        problems += say(name, counts.isna(), "blank", "Write 0 for a month without any, and leave out the rows after a person left")
        problems += say(name, counts < 0, "below zero", "Outcomes are counts or sums, never below zero")
        problems += say(name, (counts > 0) & (days == 0), "counted in a month without exposure", "Give the month its days, or correct the count")
    return problems


def find_relative_problems(typed: pd.DataFrame) -> list[str]:
    """Return what is wrong with the trials of a panel whose months count from time zero."""
    referred = typed[typed["arm"] == "referred"]
    own = referred.groupby("person_id")["index_month"].min()
    twice = referred.groupby("person_id")["index_month"].nunique()
    after_own = (typed["arm"] == "not_yet_referred") & (typed["index_month"] > pd.Series(own.reindex(typed["person_id"]).to_numpy(), index=typed.index))
    return [
        *say("index_month", typed["index_month"].isna(), "blank", "Where month counts from time zero, comparison people have an index_month too: the month of their trial"),
        *say("month", typed.duplicated([*trial_keys(True), "month"], keep="first"), "a month that the same person and index_month have already", "Keep one row for each"),
        *say("index_month", (typed["arm"] == "referred") & typed["person_id"].map(twice).gt(1), "another referral of a person referred before", "Time zero is a person's first referral: keep its rows only"),
        *say("arm", after_own, "compared after a referral of their own", "Whoever was referred is no comparison person any more: leave these rows out"),
    ]  # fmt: skip


def find_calendar_problems(typed: pd.DataFrame) -> list[str]:
    """Return what is wrong with the people of a panel of calendar months."""
    people = typed.groupby("person_id")
    # nunique leaves missing ones out, so a month here and a blank there counts apart.
    blank = typed["index_month"].isna()
    n_index = people["index_month"].transform("nunique") + (blank.groupby(typed["person_id"]).transform("any") & ~blank.groupby(typed["person_id"]).transform("all")).astype(int)
    is_referred = typed["arm"] == "referred"
    return [
        *say("month", typed.duplicated(["person_id", "month"]), "a month that the same person has already", "Keep one row for each person and month"),
        *say("index_month", n_index > 1, "people with more than one index_month, or with one in some rows only", "Write the month of the first referral in every row of a person"),
        *say("arm", people["arm"].transform("nunique") > 1, "people in more than one arm", "Write the arm of a person in every row; people referred later are referred, with their index_month"),
        *say("index_month", is_referred & typed["index_month"].isna(), "blank for people referred", "Write the month of their first referral"),
        *say("index_month", ~is_referred & typed["index_month"].notna(), "given for people never referred", "Leave it blank, or call them referred"),
    ]  # fmt: skip


def find_gaps(typed: pd.DataFrame, is_relative: bool) -> list[str]:
    """Return a line when months are missing between the first and the last month of a series."""
    number = typed["month"] if is_relative else typed["month"].dt.year * 12 + typed["month"].dt.month
    series = number.groupby([typed[name] for name in trial_keys(is_relative)]).agg(["min", "max", "nunique"])
    n_gaps = int((series["max"] - series["min"] + 1 > series["nunique"]).sum())
    todo = "Write a row for every month between, with 0 where nothing was counted, and exposure_days 0 where a person could not make contact"
    return [f"{WHERE}, month: months missing between the first and the last of {n_gaps:,} people. {todo}."] if n_gaps else []


def number_or_text(values: pd.Series) -> pd.Series:
    """Return `values` as numbers where all of them are, else as text."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.astype(float) if (numbers.notna() | values.isna()).all() else values
