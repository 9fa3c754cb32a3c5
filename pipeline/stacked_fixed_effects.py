"""Fixed-effects Poisson difference-in-differences, stacked by index month.

    log E[contacts] = log(exposure) + person-trial + index month x period + delta referred x after

Every month of referral is a stack of its own: its referred and its not yet referred before and after that month, so
that calendar and recording are held equal within it and nobody treated already serves as a control (Cengiz et al.
2019). Errors are clustered by person, who may stand in several stacks.

It errs in a known direction: with the spike among the months before it takes the fall after the spike for an effect;
with the spike left out of the baseline it takes a quiet earlier time for the person's level and errs the other way. The
lagged-outcome regression fails oppositely under selection on a spike, so the two are shown together (Ding & Li 2019).

Two periods hold all that delta rests on: with person-trial and index month x month effects the likelihood of each
period depends on its total alone (McCullagh & Nelder 1989, section 6.4.2), up to exposure that differs between the
months of a period. The fit is pyfixest's, which drops person-trials without any contact: how many, the row says.
Builds on pipeline.estimates.
"""

import warnings

import numpy as np
import pandas as pd
import pyfixest as pf

from pipeline.estimates import DAYS_IN_MONTH, Label, NotEstimable, Size, result_row

# The fit stops when the deviance moves less than this share: one digit beyond what the tests ask of it.
TOLERANCE = 1e-10
DIGITS = 8


def two_periods(cohort: pd.DataFrame, panel: pd.DataFrame, outcome: str, before: tuple[int, int], after: tuple[int, int]) -> pd.DataFrame:
    """Return one row per trial and period: trial_id, person_id, stack, is_after, is_referred, counted, exposure_days.

    `before` and `after` are first and last month from time zero. Trials without exposure in one of them are left out.
    `cohort` has trial_id, person_id, arm, index_month; `panel` trial_id, month, exposure_days and the outcome.
    """
    spans = panel[panel["month"].between(*before) | panel["month"].between(*after)]
    spans = spans[spans["trial_id"].isin(cohort["trial_id"])]
    sums = spans.assign(is_after=spans["month"] >= after[0]).groupby(["trial_id", "is_after"], as_index=False, sort=True)[[outcome, "exposure_days"]].sum()
    sums = sums[sums["exposure_days"] > 0].rename(columns={outcome: "counted"})
    sums = sums[sums.groupby("trial_id")["is_after"].transform("size") == 2]
    trials = cohort[["trial_id", "person_id"]].assign(is_referred=cohort["arm"] == "referred", stack=cohort["index_month"])
    return sums.merge(trials, on="trial_id", how="inner", validate="many_to_one").sort_values(["trial_id", "is_after"], ignore_index=True)


def estimate_fixed_effects(label: Label, periods: pd.DataFrame, confidence: float) -> dict:
    """Return the tidy row of delta; `periods` comes from two_periods.

    Raises NotEstimable when an arm is empty or without contacts before or after, or the fit does not converge.
    """
    check_arms(periods)
    active = periods[periods.groupby("trial_id")["counted"].transform("sum") > 0]
    # A stack that has lost one arm, because all its people were silent, says nothing of delta.
    active = active[active.groupby("stack")["is_referred"].transform("nunique") == 2]
    # Nor does one in which a period has no contact at all. What is left holds no separation for pyfixest to look for.
    active = active[active["counted"].groupby([active["stack"], active["is_after"]]).transform("sum").groupby(active["stack"]).transform("min") > 0]
    check_arms(active)
    table = pd.DataFrame({
        "counted": active["counted"].astype(float), "log_exposure": np.log(active["exposure_days"].astype(float)),
        "referred_after": (active["is_referred"] & active["is_after"]).astype(float), "trial": pd.factorize(active["trial_id"])[0],
        "period": pd.factorize(active["stack"].astype(str) + active["is_after"].astype(str))[0], "person": pd.factorize(active["person_id"])[0],
    })  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of separation, which is counted above, and of pandas inside the library
            fit = pf.fepois(
                "counted ~ referred_after | trial + period", table, vcov={"CRV1": "person"}, offset="log_exposure",
                iwls_tol=TOLERANCE, iwls_maxiter=100, separation_check=[],
            )  # fmt: skip
    except (RuntimeError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise NotEstimable(f"the fixed-effects model gives no estimate ({type(error).__name__})") from None
    if "referred_after" not in fit.coef().index:
        raise NotEstimable("the effect cannot be told apart from the fixed effects")
    silent = periods["trial_id"].nunique() - active["trial_id"].nunique()
    size = Size(active["person_id"].nunique(), active["exposure_days"].sum() / DAYS_IN_MONTH)
    note = f"{silent} trials without a contact or without a counterpart left out" if silent else ""
    return result_row(label, *settled(fit, "referred_after"), size, confidence, note)


def settled(fit, name: str) -> tuple[float, float]:
    """Return the coefficient `name` of a pyfixest fit and its error, to the digits that do not turn on how its arrays lie in memory.

    Two runs on one machine were seen to differ by 1e-14 in a coefficient and 2e-11 in its error.
    """
    return round(float(fit.coef()[name]), DIGITS), round(float(fit.se()[name]), DIGITS)


def check_arms(periods: pd.DataFrame) -> None:
    """Raise NotEstimable when an arm has nobody, or no contact before or after: its fixed effects run off to infinity."""
    for arm, words in [(True, "referred"), (False, "not yet referred")]:
        rows = periods[periods["is_referred"] == arm]
        if rows.empty:
            raise NotEstimable(f"nobody is {words} in a stack that holds both arms")
        counted = rows.groupby("is_after")["counted"].sum().reindex([False, True], fill_value=0)
        if not (counted > 0).all():
            raise NotEstimable(f"the {words} have no contacts {'after' if counted[False] > 0 else 'before'} time zero")
