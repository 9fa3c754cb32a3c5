"""Sums of contacts that a few people make: such a sum says what these few did, however many others are counted with them.

The Handbook on Statistical Disclosure Control for Outputs (Griffiths et al. 2019) and SACRO's acro call this dominance and ask
whether one or two make most of a total. Here as many people are taken as the threshold of disclosure, which is stricter:
it hides every sum to which fewer people than that contribute at all.
"""

import pandas as pd

# Which people stand behind a row of `effects`, by what it estimates.
GROUPS = {"referral": "referred", "engaged": "engaged", "never_engaged": "never_engaged", "before_after": "claim"}


def hide_dominated(effects: pd.DataFrame, cohort: pd.DataFrame, panel: pd.DataFrame, n_heaviest: int, share_at_most: float, months_after: int, claim_months: int) -> pd.DataFrame:
    """Return `effects` whose n_counted is missing where the `n_heaviest` people make more than `share_at_most` of it.

    pipeline.effects_table.control_effects then hides what was averted, and a before-and-after ratio, with it. Counted are
    the months after time zero: `months_after` of them, `claim_months` for the claim.
    """
    shares = {group: share_of_heaviest(cohort, panel, group, n_heaviest, claim_months if group == "claim" else months_after) for group in GROUPS.values()}
    found = [shares[GROUPS[row.estimand]].get(row.outcome, 0.0) if row.estimand in GROUPS else 0.0 for row in effects.itertuples()]
    return effects.assign(n_counted=effects["n_counted"].mask(pd.Series(found, effects.index) > share_at_most))


def share_of_heaviest(cohort: pd.DataFrame, panel: pd.DataFrame, group: str, n_heaviest: int, months: int) -> dict[str, float]:
    """Return, per outcome of `panel`, which share of the sum in the first `months` after time zero the `n_heaviest` people of a group make; 1 where there is none."""
    referred = cohort["arm"].eq("referred")
    engaged = cohort["is_engaged"].eq(True).fillna(False).astype(bool)
    members = {"referred": referred & cohort["is_triggered"], "engaged": referred & cohort["is_triggered"] & engaged, "never_engaged": referred & cohort["is_triggered"] & ~engaged, "claim": cohort["in_claim"]}[group]
    outcomes = [name for name in panel if name not in ("trial_id", "month") and not name.startswith("exposure_days") and not name.endswith("_later")]
    after = panel[panel["trial_id"].isin(cohort.loc[members, "trial_id"]) & panel["month"].between(0, months - 1)]
    people = after[["trial_id"]].merge(cohort[["trial_id", "person_id"]], on="trial_id", how="left", validate="many_to_one")["person_id"].to_numpy()
    sums = after[outcomes].groupby(people).sum()
    return {name: float(sums[name].nlargest(n_heaviest).sum() / sums[name].sum()) if len(sums) and sums[name].sum() > 0 else 1.0 for name in outcomes}
