"""Outcomes that may show harm: reported missing, detained under the Mental Health Act, victim of domestic abuse, death.

A fall in calls can be harm too: somebody who no longer calls need not be safe. These outcomes are shown uncorrected for
their number, because a correction would hide harm. They are rare, so the weighted arms are compared as they are, without
a regression on top, and errors come from pipeline.weighted_influence. Which codes and roles count stands in
data/reference/safety_codes.csv, in the project's own codes. Builds on pipeline.contrasts, pipeline.effect, pipeline.influence,
pipeline.weighted_influence, pipeline.subgroups (later referrals taken off), pipeline.estimates and pipeline.disclosure.
"""

import duckdb
import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from pipeline.contrasts import Fit, Trials, fit_outcome
from pipeline.disclosure import control_table
from pipeline.effect import Fits
from pipeline.estimates import ESTIMATED
from pipeline.influence import degrees_of_freedom
from pipeline.weighted_influence import influence_of_ratio
from pipeline.subgroups import net_of_later

COLUMNS = [
    "outcome", "n_events", "n_referred", "n_comparison", "rate_referred", "rate_comparison", "estimate", "std_error", "ci_low", "ci_high", "p_value",
    "n_people", "n_person_months", "status",
]  # fmt: skip
DEATH = "n_deaths"
OUTCOMES = ["n_missing", "n_mental_health", "n_domestic_victim", DEATH]
DAYS_IN_YEAR = 365.25


def count_safety(cohort: pd.DataFrame, links: pd.DataFrame, contact_facts: pd.DataFrame, person_exits: pd.DataFrame, safety_codes: pd.DataFrame, months_after: int, washout_days: int) -> pd.DataFrame:
    """Return per triggered trial with any: trial_id, outcome, n (incidents in the months after, or one death) and n_later, those after an own later referral.

    `safety_codes` has outcome, code, role; an incident counts once where its opening or closing code and the person's
    role in it stand there. The index day and the washout do not count, nor do duplicates and other services.
    """
    con = duckdb.connect()
    con.register("trials", cohort.loc[cohort["is_triggered"], ["trial_id", "person_id", "index_on", "next_referred_on"]])
    con.register("links", links[["contact_id", "person_id"]])
    con.register("contact_facts", contact_facts)
    con.register("codes", safety_codes[["outcome", "code", "role"]])
    deaths = person_exits[person_exits["reason"].astype("str").str.lower().eq("death")]
    con.register("deaths", deaths[["person_id", "from_on"]].astype({"person_id": "str", "from_on": "datetime64[us]"}))
    return con.sql(f"""
        WITH events AS (
            SELECT DISTINCT person_id, outcome, coalesce(incident_id, contact_id) AS event, received_at::DATE AS day
            FROM contact_facts JOIN links USING (contact_id) JOIN codes ON codes.role = contact_facts.role AND codes.code IN (opening_code, closing_code)
            WHERE NOT coalesce(is_duplicate, FALSE) AND coalesce(lower(service), 'police') = 'police'
            UNION ALL SELECT person_id, '{DEATH}', 'death', min(from_on)::DATE FROM deaths GROUP BY person_id
        ), after AS (
            SELECT DISTINCT ON (trial_id, outcome, event) trial_id, outcome, day > next_referred_on::DATE AS is_later
            FROM trials JOIN events USING (person_id)
            WHERE day > index_on::DATE + {int(washout_days)} AND day <= index_on + INTERVAL {int(months_after)} MONTH
            ORDER BY trial_id, outcome, event, day
        )
        SELECT trial_id, outcome, count(*) AS n, count(*) FILTER (coalesce(is_later, FALSE)) AS n_later
        FROM after GROUP BY ALL ORDER BY trial_id, outcome
    """).df()


def list_recorded(contact_facts: pd.DataFrame, person_exits: pd.DataFrame, safety_codes: pd.DataFrame) -> list[str]:
    """Return the safety outcomes that the extracts can show at all: whose codes and roles occur in them, and death where any is known."""
    found = []
    for outcome in OUTCOMES[:-1]:
        wanted = safety_codes[safety_codes["outcome"].eq(outcome)]
        has_code = contact_facts["opening_code"].isin(wanted["code"]) | contact_facts["closing_code"].isin(wanted["code"])
        found += [outcome] if (has_code & contact_facts["role"].isin(wanted["role"])).any() else []
    return found + ([DEATH] if person_exits["reason"].astype("str").str.lower().eq("death").any() else [])


def estimate_safety(trials: Trials, fits: Fits, counts: pd.DataFrame, recorded: list[str], confidence: float) -> pd.DataFrame:
    """Return `safety` (COLUMNS), one row per safety outcome, with the log ratio of referral.

    n_events are incidents of the referred, n_referred and n_comparison people with any, rates per 100 person-years with the
    comparison weighted.

    `counts` as from count_safety. An outcome that is not `recorded` or that one arm
    never has is a row without an estimate whose status says so.
    """
    rows = []
    for outcome in OUTCOMES:
        if outcome not in recorded:
            rows.append(dict(outcome=outcome, status="not recorded in these extracts"))
            continue
        mine = counts[counts["outcome"].eq(outcome)].set_index("trial_id")
        n, later = (mine[name].reindex(trials.trial_id, fill_value=0).to_numpy(float) for name in ("n", "n_later"))
        rows.append(safety_row(trials, fits.referral, outcome, n, later if fits.is_net else 0 * later, confidence))
    return pd.DataFrame(rows, columns=COLUMNS)


def safety_row(trials: Trials, fit: Fit, outcome: str, n: np.ndarray, later: np.ndarray, confidence: float) -> dict:
    """Return one row of `safety` from the events `n` per trial, of them `later` after an own later referral."""
    days = next(iter(trials.exposure.values()))
    one = trials._replace(outcomes={outcome: n}, exposure={outcome: days}, later={outcome: later})
    sides = (trials.is_referred, ~trials.is_referred)
    people = [len(np.unique(trials.person[side & (n > 0)])) for side in sides]
    exposed = [fit.weights[side] @ days[side] for side in sides]
    rates = [100 * DAYS_IN_YEAR * (fit.weights[side] @ n[side]) / time if time > 0 else np.nan for side, time in zip(sides, exposed)]
    row = dict(
        outcome=outcome, n_events=int(n[sides[0]].sum()), n_referred=people[0], n_comparison=people[1], rate_referred=rates[0], rate_comparison=rates[1],
        n_people=len(np.unique(trials.person)), n_person_months=days.sum() / DAYS_IN_YEAR * 12,
    )  # fmt: skip
    coefficients = fit_outcome(one, fit.treated, fit.weights, outcome, with_covariates=False)
    if not np.isfinite(coefficients).all():
        return row | dict(status="not estimable: one arm has none, or nobody can be compared")
    n_people = int(trials.person.max()) + 1
    held = fit._replace(coefficients={outcome: coefficients})
    ratio, moved = float(coefficients[-1]), influence_of_ratio(one, held, outcome, n_people)
    estimate, net = net_of_later(one, held, ratio, moved, None, n_people, outcome)
    status = ESTIMATED
    if not np.isfinite(estimate):
        estimate, net, status = ratio, moved, f"{ESTIMATED}; later referrals of the comparison not taken off"
    error = float(np.sqrt(net @ net))
    df = degrees_of_freedom(net)
    width = stdtrit(df, 0.5 + confidence / 2) * error
    return row | dict(estimate=estimate, std_error=error, ci_low=estimate - width, ci_high=estimate + width, p_value=float(2 * stdtr(df, -abs(estimate) / error)), status=status)


def control_safety(safety: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `safety` fit for publication: incidents and people rounded or suppressed, the rate of the referred from the rounded incidents, and nothing beside a suppressed one."""
    estimates = ["rate_referred", "rate_comparison", "estimate", "std_error", "ci_low", "ci_high", "p_value"]
    controlled = control_table(safety, threshold, rounding, counts=["n_events", "n_referred", "n_comparison", "n_people", "n_person_months"], blank=estimates)
    rounded = controlled["n_events"].astype(float) / safety["n_events"].astype(float)
    return controlled.assign(rate_referred=controlled["rate_referred"] * rounded).round({"rate_referred": 1, "rate_comparison": 1, **dict.fromkeys(estimates[2:], 2)})
