"""The linkage model: how details of one person agree (m) and how those of two strangers do (u).

Fellegi and Sunter (1969), fitted by Splink. `train_model` learns from the contact identities and returns a plain model
that `pipeline.scoring` applies. It always learns in DuckDB, on one thread and from a bounded sample that depends on the
identities and the seed alone: the same identities and seed give the same model, whatever scores the pairs afterwards.

Builds on `pipeline.comparisons`, `pipeline.households` and `pipeline.learning_sample`.
"""

from copy import deepcopy
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from splink import DuckDBAPI, Linker, SettingsCreator

from pipeline.comparisons import BLOCKING, compare_details
from pipeline.errors import InputError
from pipeline.households import find_households
from pipeline.learning_sample import PASSES, count_learnt, count_sure_pairs, draw_learners, draw_strangers, training_rule

FEWEST_IDENTITIES = 100


@dataclass(frozen=True)
class LinkageModel:
    """A trained model: Splink's `settings` with m and u, the frequencies of `terms` by column, and its `levels` as a table.

    `households` (see `pipeline.households`) says whether people of one household are among the identities.
    """

    settings: dict
    terms: dict[str, pd.DataFrame]
    levels: pd.DataFrame
    households: pd.DataFrame

    @property
    def has_households(self) -> bool:
        """Whether names and dates of birth that contradict each other tell people apart."""
        return bool(self.households["has_households"].iloc[0])


def train_model(
    identities: pd.DataFrame, terms: dict[str, pd.DataFrame], seed: int, sure_rules_recall: float, sampled_pairs: int, training_pairs: int
) -> LinkageModel:
    """Return the model learnt from `identities`; `terms` are term frequencies by column, as from `contact_identities.count_terms`.

    u comes from the agreements among about `sampled_pairs` pairs of identities of different names and phones: otherwise the
    many identities of frequent callers meet one another in the sample, and their agreements pass for chance. m comes from
    expectation maximisation in three passes, each over about `training_pairs` pairs that agree on two fields. The prior is the
    number of pairs that agree on one of `SURE_RULES`, which find a share of `sure_rules_recall` of all true pairs.
    Raises InputError when there are too few identities to learn from, or when no two agree on the details of a pass.
    """
    if len(identities) < FEWEST_IDENTITIES:
        raise InputError(f"Linkage: fewer than {FEWEST_IDENTITIES} distinct identities in the contacts. Bring a longer contact extract.")
    check_details(identities)
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("identities", identities)
        strangers = draw_strangers(con, seed, sampled_pairs)
        if len(strangers) < FEWEST_IDENTITIES:
            raise InputError(
                f"Linkage: fewer than {FEWEST_IDENTITIES} differently named people with a forename, a surname and a phone of their own in contacts.csv. "
                "Check that these columns are exported whole, or bring a longer contact extract."
            )
        learners = draw_learners(con, seed, training_pairs)
        prior = count_sure_pairs(con) / sure_rules_recall / (len(identities) * (len(identities) - 1) / 2)
    api = DuckDBAPI(duckdb.connect(config={"threads": 1}))
    sampler = Linker(api.register(strangers, dataset_display_name="strangers"), describe_settings(prior), log_level="ERROR")
    sampler.training.estimate_u_using_random_sampling(max_pairs=len(strangers) ** 2, seed=seed, min_count_per_level=None, num_chunks=1)
    learner = Linker(api.register(learners, dataset_display_name="learners"), sampler.misc.save_model_to_json(), log_level="ERROR")
    shares = [
        learner.training.estimate_parameters_using_expectation_maximisation(training_rule(number), estimate_without_term_frequencies=True)
        .core_model_settings.probability_two_random_records_match
        for number in range(len(PASSES))
    ]
    settings = learner.misc.save_model_to_json()
    learnt = count_learnt(strangers, learners, settings, shares)
    levels = steady_levels(list_levels(settings), learnt, terms["phone"])
    households = find_households(identities, settings, levels, seed, training_pairs)
    return LinkageModel(fill_settings(settings, levels), terms, levels, households)


def check_details(identities: pd.DataFrame) -> None:
    """Raise InputError when a column that the model learns from is blank everywhere, or its values never repeat together."""
    blank = [name for name in ("forename", "surname", "date_of_birth", "phone", "postcode") if identities[name].isna().all()]
    if blank:
        raise InputError(
            f"Linkage: no contact has a {' or a '.join(blank)} that can be read, and nobody can be told apart without. "
            "Bring contacts.csv with these columns filled in as far as they are known."
        )
    together = [sorted(names, key=["forename_root", "date_of_birth", "phone", "postcode"].index) for names in PASSES]
    alone = [" and ".join(names) for names in sorted(together, reverse=True) if not identities.dropna(subset=names).duplicated(names).any()]
    if alone:
        raise InputError(
            f"Linkage: no two sets of personal details in contacts.csv agree on {' or on '.join(alone)}, so nothing can be learnt about how one "
            "person is written down twice. Check that these columns are exported whole, or bring a longer contact extract."
        )


def describe_settings(prior: float) -> SettingsCreator:
    """Return Splink's settings of a model not yet trained, with the probability `prior` that two identities are one person's."""
    return SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="identity_id", comparisons=compare_details(),
        blocking_rules_to_generate_predictions=BLOCKING, probability_two_random_records_match=min(max(prior, 1e-12), 0.5),
        retain_matching_columns=True, retain_intermediate_calculation_columns=False, linker_uid="linkage",
    )  # fmt: skip


def list_levels(settings: dict) -> pd.DataFrame:
    """Return comparison, gamma, level, m and u of trained `settings`; m and u are 0 where the level was never seen."""
    rows = []
    for comparison in settings["comparisons"]:
        known = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        rows += [
            {"comparison": comparison["output_column_name"], "gamma": len(known) - 1 - place, "level": level["label_for_charts"],
             "m": level.get("m_probability", 0.0), "u": level.get("u_probability", 0.0)}
            for place, level in enumerate(known)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def steady_levels(levels: pd.DataFrame, learnt: pd.DataFrame, phones: pd.DataFrame) -> pd.DataFrame:
    """Return `levels` with n_pairs_m, n_pairs_u (from `learnt`) and match_weight, m and u as if half a pair more had been seen on each level.

    Without that half a pair (Jeffreys' prior) a level that the sample happens not to show would be impossible. As strangers
    are drawn with different phones, u of one phone is the chance that two users drawn at random share it, from its frequencies.
    """
    steady = levels.merge(learnt, on="comparison", validate="many_to_one")
    n_levels = steady.groupby("comparison")["gamma"].transform("size")
    for share, n_pairs in (("m", steady["n_pairs_m"]), ("u", steady["n_pairs_u"])):
        steady[share] = (steady[share] * n_pairs + 0.5) / (n_pairs + 0.5 * n_levels)
    same_phone = (steady["comparison"] == "phone") & (steady["gamma"] == n_levels - 1)
    steady["u"] = steady["u"].mask(same_phone, (phones["tf_phone"] ** 2).sum())
    return steady.assign(match_weight=np.log2(steady["m"] / steady["u"]))


def fill_settings(settings: dict, levels: pd.DataFrame) -> dict:
    """Return a copy of Splink's `settings` with m and u of `levels`."""
    filled, found = deepcopy(settings), levels.set_index(["comparison", "gamma"])
    for comparison in filled["comparisons"]:
        known = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for place, level in enumerate(known):
            row = found.loc[(comparison["output_column_name"], len(known) - 1 - place)]
            level |= {"m_probability": float(row["m"]), "u_probability": float(row["u"])}
    return filled


def describe_model(model: LinkageModel) -> pd.DataFrame:
    """Return the trained model: comparison, gamma (as in `pairs`), level, m, u, match_weight, n_pairs_m and n_pairs_u.

    match_weight is the bits that the level adds to a pair; names and phones that agree count by how rare they are, shown is the
    weight of one of middling rarity. n_pairs_m and n_pairs_u are the pairs that m and u were learnt from.
    """
    return model.levels.round({"m": 4, "u": 6, "match_weight": 1, "n_pairs_m": 0, "n_pairs_u": 0})
