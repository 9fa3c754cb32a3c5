"""The stage `simulate`: write the demonstration's extracts to data/raw/demo and its truth to data/truth/demo."""

import sys

import duckdb
import numpy as np
import pandas as pd

from pipeline.errors import run_command
from pipeline.extract_facts import MAPPING, PERSON_KEY
from pipeline.identities import draw_identities
from pipeline.misrecording import CONTACTS, REGISTER, RecordQuality, write_down
from pipeline.params import check_params, load_sections
from pipeline.simulation import generator, simulate_demand
from pipeline.tables import DEMONSTRATION, TRUTH, project_root, read_reference, replace_file

PERSONAL = ["forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode"]
REFERRALS = ["referral_id", "client_id", *PERSONAL, "referred_on", "referral_source", "primary_need", "accepted", "first_contact_on", "closed_on", "closure_reason"]
CONTACT_COLUMNS = ["contact_id", "incident_id", "received_at", "service", "channel", "opening_code", "closing_code", "grade", "role",
                   *PERSONAL, "nominal_id", "attended", "officer_minutes", "duplicate_of"]
MENTORS_RECRUITED, FORMER_CLIENTS = 300, 10


def make_extracts(world: dict, names: pd.DataFrame, seed: int, study, quality: RecordQuality = CONTACTS) -> dict[str, pd.DataFrame]:
    """Return the extracts of a simulated `world`: referrals, contacts, exits, mentors, with personal details written down.

    `quality` is that of the contact records, the same for all or with a share for every row of the world's contacts.
    """
    people, exits = world["people"], world["exits"]
    first_day, last_day = pd.Timestamp(study.contacts_from), pd.Timestamp(study.contacts_to)
    details = draw_identities(people, names, first_day, last_day, generator(seed, "identities"))
    details["nominal_id"] = numbered_for_exits(details, exits)
    position = pd.Series(np.arange(len(people)), index=people["true_person_id"])
    pen = generator(seed, "misrecording")
    referrals = with_details(world["referrals"], "referred_on", position, details, REGISTER, pen)
    contacts = with_details(world["contacts"], "received_at", position, details, quality, pen)
    contacts["nominal_id"] = known_at_first(contacts, details, exits, position)
    return {
        "referrals": referrals[REFERRALS],
        "contacts": contacts[CONTACT_COLUMNS],
        "exits": exits_extract(exits, contacts, people),
        "mentors": draw_mentors(first_day, last_day, generator(seed, "mentors")),
    }


def with_details(table, date_column, position, details, quality, pen) -> pd.DataFrame:
    """Return `table` with the personal details of its people as somebody wrote them down on that day."""
    person = position[table["true_person_id"]].to_numpy()
    return pd.concat([table, write_down(person, table[date_column].to_numpy(), details, quality, pen)], axis=1)


def numbered_for_exits(details: pd.DataFrame, exits: pd.DataFrame) -> pd.Series:
    """Return nominal ids, given also to everybody with an exit: who goes to prison or dies is known to the force."""
    own = pd.Series([f"N{number:07d}" for number in range(len(details) + 1, 2 * len(details) + 1)], index=details.index)
    return details["nominal_id"].where(~details["true_person_id"].isin(exits["true_person_id"]) | details["nominal_id"].notna(), own)


def known_at_first(contacts, details, exits, position) -> pd.Series:
    """Return the contacts' nominal ids, filled in the first row of everybody with an exit, so that no arm's exits get lost."""
    is_first = ~contacts.duplicated("true_person_id") & contacts["true_person_id"].isin(exits["true_person_id"])
    known = details["nominal_id"].to_numpy(object)[position[contacts["true_person_id"]].to_numpy()]
    return contacts["nominal_id"].mask(is_first, pd.Series(known, index=contacts.index))


def exits_extract(exits, contacts, people) -> pd.DataFrame:
    """Return the exits as the force knows them: by nominal id, or by client id for a client without a contact."""
    nominal = contacts.dropna(subset=["nominal_id"]).drop_duplicates("true_person_id").set_index("true_person_id")["nominal_id"]
    client = people.set_index("true_person_id")["client_id"]
    table = exits.assign(nominal_id=exits["true_person_id"].map(nominal), client_id=exits["true_person_id"].map(client))
    table["client_id"] = table["client_id"].where(table["nominal_id"].isna())
    known = table.dropna(subset=["nominal_id", "client_id"], how="all")
    return known[["client_id", "nominal_id", "from_on", "to_on", "reason"]].sort_values(["from_on", "nominal_id", "client_id"], ignore_index=True)


def draw_mentors(first_day: pd.Timestamp, last_day: pd.Timestamp, rng) -> pd.DataFrame:
    """Return the mentors: about 300 recruited in six years, over 100 active at the end, ten former clients who joined in 2021."""
    n = MENTORS_RECRUITED
    # A study that ends before has mentors from its first day on: this stage also runs where the dates are those of other extracts.
    start = pd.Timestamp("2016-01-01") if last_day > pd.Timestamp("2016-03-01") else first_day
    joined = (start + pd.to_timedelta(np.sort(rng.integers(0, (last_day - start).days - 30, n)), unit="D")).to_series(index=range(n))
    left = joined + pd.to_timedelta((30 + rng.exponential(1100, n)).astype(int), unit="D")
    in_2021 = np.flatnonzero(joined.dt.year == 2021)
    former = np.isin(np.arange(n), rng.choice(in_2021, min(FORMER_CLIENTS, len(in_2021)), replace=False))
    lived = former | (rng.random(n) < 0.76)
    ids = [f"M{number:04d}" for number in range(1, n + 1)]
    return pd.DataFrame({"mentor_id": ids, "joined_on": joined, "left_on": left.mask(left > last_day), "lived_experience": lived, "former_client": former})


def truth_tables(world: dict) -> dict[str, pd.DataFrame]:
    """Return the truth that no stage but the report's demonstration box may read: contact_persons, client_persons, person_outcomes."""
    clients = world["people"].dropna(subset=["client_id"])
    return {
        "contact_persons": world["contacts"][["contact_id", "true_person_id"]],
        "client_persons": clients[["client_id", "true_person_id"]].sort_values("client_id", ignore_index=True),
        "person_outcomes": world["outcomes"].sort_values("true_person_id", ignore_index=True),
    }


def write_csv(table: pd.DataFrame, path) -> None:
    """Write `table` as CSV: ISO dates, true and false, blanks for missing."""
    days = [column for column in table.columns if column.endswith("_on") or column == "date_of_birth"]
    columns = ", ".join(f'"{column}"::DATE AS "{column}"' if column in days else f'"{column}"' for column in table.columns)

    def copy(temporary):
        with duckdb.connect() as con:
            con.register("extract", table)
            con.execute(f"COPY (SELECT {columns} FROM extract) TO '{temporary}' (FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S')")

    replace_file(path, copy)


def main() -> None:
    """Make the world that params.yaml describes, and write its extracts and its truth."""
    params = check_params(load_sections("simulate", "study", "claim"))
    simulate, root = params.simulate, project_root()
    world = simulate_demand(simulate.size, simulate.seed, simulate.true_irr, params.study, params.claim)
    for name, table in truth_tables(world).items():
        replace_file(root / TRUTH / "demo" / f"{name}.parquet", lambda path, table=table: table.to_parquet(path, index=False))
    for name, table in make_extracts(world, read_reference("names"), simulate.seed, params.study).items():
        write_csv(table, root / DEMONSTRATION / f"{name}.csv")
    # The key of simulated people guards nothing; it is fixed so that reruns give the same tables.
    for name, text in ((MAPPING, "simulated: true\n"), (PERSON_KEY, "demonstration\n")):
        replace_file(root / DEMONSTRATION / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(run_command(main, "simulate: "))
