"""What the trained model makes of a pair, step by step, and who could not be linked however alike their records are.

`score_examples` weighs made-up pairs, whose names stand in no extract; `find_unlinkables` weighs every identity against
itself. Builds on pipeline.contact_identities (details in comparable form), pipeline.contradictions (the rules after the
model) and pipeline.linkage (the model).
"""

import numpy as np
import pandas as pd
from splink.blocking_rule_library import CustomRule

from pipeline.comparisons import COMPARISONS, compared_columns
from pipeline.contact_identities import describe_clients
from pipeline.contradictions import settle_pairs
from pipeline.engines import THIS_MACHINE
from pipeline.linkage import LinkageModel
from pipeline.scoring import load_model

STEP_COLUMNS = ["example", "about", "position", "step", "level", "match_weight", "total"]
# Where the curve of unlinkables is read off, in bits: from one to a thousand against, to a million million for.
WEIGHTS = np.arange(-10.0, 41.0)
PRIOR, TOTAL = "before any comparison", "altogether"


def score_examples(model: LinkageModel, example_pairs: pd.DataFrame, nicknames: pd.DataFrame) -> pd.DataFrame:
    """Return `match_examples`: example, about, position, step, level, match_weight, total, in the order of `example_pairs`.

    Steps of a pair: what holds before any comparison (the prior), one for each comparison, and altogether, whose level says
    what becomes of the pair. match_weight is what a step adds, in bits (log2 of the odds), total where the sum then stands.
    Names and phones that no contact holds count as ones of middling rarity. `example_pairs`: example, about, side (one, other)
    and the details of a contact.
    """
    about = example_pairs.drop_duplicates("example").set_index("example")["about"]
    places = example_pairs["example"].map({example: place for place, example in enumerate(about.index)})
    # An example's sides are numbered one after the other, an even number first.
    numbers = 2 * places + example_pairs["side"].eq("other")
    details = describe_clients(example_pairs.assign(client_id=numbers.map("{:06d}".format), **as_standardised(example_pairs)), nicknames, len(example_pairs))
    details["identity_id"] = details["client_id"].astype("int64")
    scored = score_side_by_side(model, details)
    kept = settle_pairs(scored, details, 0.0, model.has_households)["identity_id_l"].tolist()
    prior = model.settings["probability_two_random_records_match"]
    steps = [
        (about.index[row["identity_id_l"] // 2], position, *step)
        for row in scored.sort_values("identity_id_l").to_dict("records")
        for position, step in enumerate(explain_pair(row, model.levels, float(np.log2(prior / (1 - prior))), row["identity_id_l"] in kept))
    ]
    table = pd.DataFrame(steps, columns=[name for name in STEP_COLUMNS if name != "about"])
    return table.assign(about=table["example"].map(about))[STEP_COLUMNS]


def as_standardised(example_pairs: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the details of `example_pairs` written as stage 01 writes those of the extracts."""
    written = {name: example_pairs[name].str.upper() for name in ("forename", "surname", "address", "postcode")}
    return written | {"phone": example_pairs["phone"].str.replace(" ", "")}


def score_side_by_side(model: LinkageModel, details: pd.DataFrame) -> pd.DataFrame:
    """Return identity_id_l, identity_id_r, match_weight and gamma_* of each even-numbered record and the next one, whatever they share."""
    compared = compared_columns(details, 1)
    with THIS_MACHINE.open_tables() as tables:
        linker = load_model(tables, model, compared)
        left, right = (tables.add(name, compared[compared["identity_id"] % 2 == side]) for side, name in enumerate(("ones", "others")))
        rule = CustomRule("l.identity_id + 1 = r.identity_id")
        scored = linker.inference.predict_between(left, right, blocking_rules_to_generate_predictions=[rule], warning_mode="never").as_pandas_dataframe()
    return scored[["identity_id_l", "identity_id_r", "match_weight", *(f"gamma_{comparison}" for comparison in COMPARISONS)]]


def explain_pair(row: dict, levels: pd.DataFrame, prior: float, is_kept: bool) -> list[tuple]:
    """Return step, level, match_weight, total of one scored example; a field that is missing on one side adds nothing."""
    known = {(level.comparison, level.gamma): (level.level, level.match_weight) for level in levels.itertuples()}
    missing = ("missing: no evidence", 0.0)
    steps = [(PRIOR, "two records picked at random", prior)]
    steps += [(comparison, *known.get((comparison, row[f"gamma_{comparison}"]), missing)) for comparison in COMPARISONS]
    totals = np.cumsum([weight for *_, weight in steps])
    verdict = "scored" if is_kept else "ruled out: forenames, dates of birth or person numbers contradict each other"
    return [*((*step, total) for step, total in zip(steps, totals)), (TOTAL, verdict, row["match_weight"], row["match_weight"])]


def find_unlinkables(model: LinkageModel, identities: pd.DataFrame, n_left_out: int, rare_name_at_most: int) -> pd.DataFrame:
    """Return `unlinkables`: match_weight, match_probability, share_identities, share_contacts, n_identities, n_contacts.

    The shares are of the identities, and of all contacts, that would not reach this match weight even against an identical
    record, because they say too little (Splink's unlinkables); n_identities and n_contacts count them. `n_left_out` contacts
    say too little to be an identity at all and are among them at every weight, in bits.
    """
    with THIS_MACHINE.open_tables() as tables:
        linker = load_model(tables, model, compared_columns(identities, rare_name_at_most))
        # The one comparison of a record with itself that Splink offers without a chart.
        own = linker._self_link().as_duckdbpyrelation().project("identity_id_l, match_weight").df()
    rows = own.merge(identities[["identity_id", "n_contacts"]], left_on="identity_id_l", right_on="identity_id", validate="one_to_one")
    rows = rows.sort_values(["match_weight", "identity_id"])
    place = np.searchsorted(rows["match_weight"].to_numpy(), WEIGHTS, side="left")
    contacts = n_left_out + np.concatenate([[0], rows["n_contacts"].cumsum().to_numpy()])
    table = pd.DataFrame({"match_weight": WEIGHTS, "n_identities": place, "n_contacts": contacts[place]})
    table["match_probability"] = 1 / (1 + np.exp2(-table["match_weight"]))
    table["share_identities"] = table["n_identities"] / max(len(rows), 1)
    table["share_contacts"] = table["n_contacts"] / max(int(contacts[-1]), 1)
    columns = ["match_weight", "match_probability", "share_identities", "share_contacts", "n_identities", "n_contacts"]
    return table[columns].astype({"n_identities": "int64", "n_contacts": "int64"})
