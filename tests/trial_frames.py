"""Small cohorts and panels for tests of the effect: contacts per person and month as written down, nothing random unless said."""

import numpy as np
import pandas as pd

from pipeline.contrasts import OUTCOMES, Trials, orthogonal

DAYS = 30


def cohort_row(person, arm="referred", **values):
    plain = dict(
        person_id=person, arm=arm, is_engaged=False, is_triggered=True, in_claim=False, index_month=pd.Timestamp("2018-03-01"), index_on=pd.Timestamp("2018-03-10"),
        age=40.0, sex="F", area="DH1", n_lag_1_1=1, n_lag_2_3=1, n_recent=1, days_since_contact=5.0, share_caller=1.0, share_101=0.5, next_referred_on=pd.NaT,
    )  # fmt: skip
    return plain | values


def make_cohort(*rows):
    cohort = pd.DataFrame(rows)
    cohort.insert(0, "trial_id", np.arange(1, len(cohort) + 1))
    return cohort.astype({"next_referred_on": "datetime64[us]"})


def make_panel(*counts, first_month):
    """Return a panel: one list of monthly contacts per trial, beginning with `first_month`; callers throughout, no exits."""
    rows = [
        dict(trial_id=trial, month=first_month + place, exposure_days=DAYS) | {name: n for name in OUTCOMES}
        for trial, months in enumerate(counts, start=1)
        for place, n in enumerate(months)
    ]
    return pd.DataFrame(rows)


def random_trials(n=1200, log_irr=-0.5, seed=3, share_engaged=0.6):
    """Return Trials in which referral follows one covariate that also drives contacts, and being referred multiplies them by exp(log_irr)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    is_referred = rng.random(n) < 1 / (1 + np.exp(1.5 - x))
    is_engaged = is_referred & (rng.random(n) < share_engaged)
    days = rng.integers(200, 366, n).astype(float)
    contacts = rng.poisson(np.exp(0.5 + 0.6 * x + log_irr * is_referred) * days / 365).astype(float)
    design = orthogonal(np.column_stack([np.ones(n), x, x**2]))
    return Trials(
        np.arange(n), np.arange(n) // 2, np.zeros(n, int), is_referred, is_engaged, design, ["intercept", "x", "x_squared"],
        {name: contacts for name in OUTCOMES}, {name: days for name in OUTCOMES}, {name: np.zeros(n) for name in [*OUTCOMES, "exposure_days"]},
    )  # fmt: skip
