"""Which choices are tried together: every specification of the analysis as one row of values (Simonsohn et al. 2020).

Choices that shape the answer are crossed, each level with every level of the others; choices of preparation and
assumptions are tried one at a time, with every outcome and estimator and the plan's values otherwise. The plan's own
value of every choice is always among its levels. Designs that rest on who engages are tried over windows, washouts and outcomes.
"""

from itertools import product
from typing import NamedTuple

CROSSED = ["outcome", "estimator", "months_after", "washout_days", "pandemic_months", "exposure"]
ONE_AT_A_TIME = ["accept_from", "trigger_months", "lag_edges", "duplicates", "later_referrals", "unengaged_irr"]
ESTIMATORS = ["doubly_robust", "weights_only", "outcome_regression"]
CONDITIONAL = ["engaged_only", "lagged_outcome"]
# The plan's level of the choices that no other section of params.yaml sets.
PLANNED = dict(estimator="doubly_robust", pandemic_months="in", exposure="in_area", duplicates="left_out", unengaged_irr=1.0)


class Specification(NamedTuple):
    """One value of every choice."""

    outcome: str
    estimator: str
    months_after: int
    washout_days: int
    pandemic_months: str  # in or out
    exposure: str  # in_area: until death or moving away; at_liberty: custody and hospital taken out too
    accept_from: float
    trigger_months: int
    lag_edges: tuple[int, ...]
    duplicates: str  # left_out or counted
    later_referrals: str  # removed: what comparison people owe to one of their own is taken off; or followed
    unengaged_irr: float

    def cohort_key(self) -> tuple:
        """Return the values that ask for a cohort of their own."""
        return self.accept_from, self.duplicates, self.trigger_months, self.lag_edges, self.months_after

    def comparison(self) -> str:
        """Return whom the estimator compares with."""
        return "never_engaged" if self.estimator == "lagged_outcome" else "not_yet_referred"

    def is_of_referral(self) -> bool:
        """Return whether the estimator starts from the effect of referral, whoever then engaged."""
        return self.estimator not in CONDITIONAL


def planned(panel, effect, accept_from: float, outcome: str) -> Specification:
    """Return the plan's specification; `panel` and `effect` are these sections of params.yaml."""
    return Specification(
        outcome=outcome, months_after=panel.months_after, washout_days=panel.washout_days, accept_from=accept_from,
        trigger_months=panel.trigger_months, lag_edges=tuple(panel.lag_edges), later_referrals=effect.later_referrals, **PLANNED,
    )  # fmt: skip


def list_levels(plan: Specification, sensitivity, unengaged_irr: list[float], void: tuple[str, ...] = ()) -> dict[str, list]:
    """Return the levels of every choice, the plan's first; choices in `void` mean nothing for these extracts and have the plan's only.

    `sensitivity` is that section of params.yaml.
    """
    tried = {
        "outcome": sensitivity.outcomes, "estimator": ESTIMATORS, "months_after": sensitivity.months_after, "washout_days": sensitivity.washout_days,
        "pandemic_months": sensitivity.pandemic_months, "exposure": sensitivity.exposure, "accept_from": sensitivity.accept_from,
        "trigger_months": sensitivity.trigger_months, "lag_edges": [tuple(edges) for edges in sensitivity.lag_edges],
        "duplicates": sensitivity.duplicates, "later_referrals": sensitivity.later_referrals, "unengaged_irr": unengaged_irr,
    }  # fmt: skip
    levels = {}
    for choice, values in tried.items():
        own = getattr(plan, choice)
        levels[choice] = [own, *dict.fromkeys(value for value in values if value != own and choice not in void)]
    return levels


def list_specifications(plan: Specification, levels: dict[str, list], knows_engaged: bool = True) -> list[Specification]:
    """Return every specification once, the plan's first."""
    crossed = [plan._replace(**dict(zip(CROSSED, values))) for values in product(*(levels[choice] for choice in CROSSED))]
    alone = [
        plan._replace(outcome=outcome, estimator=estimator, **{choice: level})
        for choice in ONE_AT_A_TIME
        for level in levels[choice][1:]
        for outcome, estimator in product(levels["outcome"], levels["estimator"])
    ]
    conditional = [
        plan._replace(outcome=outcome, estimator=estimator, months_after=months_after, washout_days=washout_days)
        for estimator, outcome, months_after, washout_days in product(CONDITIONAL, levels["outcome"], levels["months_after"], levels["washout_days"])
    ]
    return list(dict.fromkeys([*crossed, *alone, *(conditional if knows_engaged else [])]))


def void_choices(is_linked_here: bool = True, has_records: bool = True) -> tuple[str, ...]:
    """Return the choices that mean nothing for these extracts: no other links where linking was done elsewhere, and a panel of months has neither duplicates nor exits to tell apart."""
    return (() if is_linked_here else ("accept_from",)) + (() if has_records else ("duplicates", "exposure"))
