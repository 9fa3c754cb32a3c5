"""Shares, rates and ratios that can be published beside their counts: worked out again from rounded counts.

A count of 49 of 1,265 people rounds to 50, and a share of 0.9613 beside 1,265 says 49 again: it must be that of the
rounded counts. An interval is a formula in the same two counts (pipeline.intervals) and is worked out from them as well,
with its design effect to one decimal. A rate or ratio that rests on one sum is moved as its sum was rounded; estimates
of models with covariates give no count away and stay. Builds on pipeline.disclosure (counts) and pipeline.intervals.
"""

import numpy as np
import pandas as pd

from pipeline.disclosure import control_counts, control_table
from pipeline.intervals import Z, wilson_interval

# Of a mean of contacts, fewer people than this many times the threshold would make ten of them most of it.
MEAN_OF = 2
NOT_SHOWN = "not shown: too few contacts to publish"


def round_to(exact, rounding: int):
    """Return `exact` (a number, array or column) to the nearest multiple of `rounding`, halves upwards, as pipeline.disclosure rounds."""
    return np.floor(np.asarray(exact, float) / rounding + 0.5) * rounding


def control_shares(table: pd.DataFrame, share: str, n: str, threshold: int, rounding: int, ends: list[str] | None = None, of_people: pd.Series | None = None) -> pd.DataFrame:
    """Return `table` with the column `share` (0 to 1) of exact counts `n` as that of rounded counts, and its interval `ends` (low, high) likewise.

    Missing where `n` lies below the threshold. In the rows `of_people` (flags) a share is of people and missing too where
    fewer than the threshold are inside or outside it: 99 % of 400 says something about the four left over.
    """
    exact, whole = table[share].to_numpy(float), table[n].to_numpy(float)
    inside = exact * whole
    rounded = round_to(whole, rounding)
    again = np.clip(np.divide(round_to(inside, rounding), rounded, out=np.full(len(table), np.nan), where=rounded > 0), 0, 1)
    shown = whole >= threshold
    if of_people is not None:
        shown &= ~(of_people.to_numpy(bool) & (np.minimum(np.round(inside), np.round(whole - inside)) < threshold))
    controlled = table.assign(**{share: np.where(shown, again, np.nan)})
    if ends is None:
        return controlled
    effect = design_effect(exact, *(table[name].to_numpy(float) for name in ends), whole)
    limits = wilson_interval(again, np.divide(rounded, effect, out=np.full(len(table), np.nan), where=np.isfinite(effect)))
    return controlled.assign(**{name: np.where(shown & table[name].notna().to_numpy(), limit, np.nan) for name, limit in zip(ends, limits)})


def design_effect(share: np.ndarray, low: np.ndarray, high: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return by how much an interval of Wilson's form is wider than one of `n` independent rows, as a factor of n to one decimal, at least 1.

    With h half its width, the number of independent rows 1 / x solves h² (1 + Z² x)² = Z² (p (1 - p) x + Z² x² / 4).
    """
    half, spread = (high - low) / 2, share * (1 - share)
    a, b, c = Z**4 * (half**2 - 0.25), 2 * half**2 * Z**2 - Z**2 * spread, half**2
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (-b - np.sqrt(np.maximum(b**2 - 4 * a * c, 0))) / (2 * a)
    return np.maximum(np.round(n * x, 1), 1)


def control_event_study(event_study: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `event_study` fit for publication: people rounded, and rates and ratios of the referred moved as their contacts are rounded.

    Nothing but the people stays in a month in which an arm has so few contacts that they would be suppressed as a count.
    A rate times people is somewhat more than the contacts, because some are exposed for part of the month only, so the
    base of rounding is added to the threshold.
    """
    values = ["contacts_per_person_month", "estimate", "std_error", "ci_low", "ci_high"]
    contacts = event_study["contacts_per_person_month"] * event_study["n_people"]
    moved = pd.Series(round_to(contacts, rounding), event_study.index) / contacts.where(contacts > 0)
    people = control_counts(event_study["n_people"], threshold, rounding)
    is_hidden = people.isna() | ~(contacts >= threshold + rounding)
    logs = {name: event_study[name] + np.log(moved.where(moved > 0)) for name in ("estimate", "ci_low", "ci_high")}
    controlled = event_study.assign(n_people=people, contacts_per_person_month=event_study["contacts_per_person_month"] * moved, **logs)
    # An estimate compares the month's two arms: what hides one side hides it.
    is_void = is_hidden.groupby(event_study["month"]).transform("any")
    controlled[values[1:]] = controlled[values[1:]].mask(is_void)
    controlled[values[0]] = controlled[values[0]].mask(is_hidden)
    return controlled.round({values[0]: 2, **dict.fromkeys(values[1:], 3)})


def control_before_after(effects: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `effects` with its before-and-after rows, ratios of two plain sums, as those of rounded sums.

    Without an estimate where either sum lies below the threshold, and with a status that says so. Other rows stay.
    """
    is_plain = effects["estimator"].eq("naive")
    after = effects["n_counted"].astype(float)
    before = after * np.exp(-effects["estimate"])
    is_enough = np.minimum(after, before) >= threshold
    is_hidden = is_plain & ~is_enough & effects["estimate"].notna()
    again = np.log(pd.Series(round_to(after, rounding) / round_to(before, rounding), effects.index).where(is_enough))
    moved = (again - effects["estimate"]).where(is_plain & ~is_hidden, 0.0)
    controlled = effects.assign(**{name: effects[name] + moved for name in ("estimate", "ci_low", "ci_high")})
    values = [name for name in ("estimate", "std_error", "ci_low", "ci_high", "p_value") if name in controlled]
    controlled[values] = controlled[values].mask(is_hidden)
    return controlled.assign(status=controlled["status"].mask(is_hidden, NOT_SHOWN))


def control_sensitivity(sensitivity: pd.DataFrame, effects: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `sensitivity` fit for publication: people rounded, and before-and-after ratios, of two plain sums, to two decimals of their log.

    Where the controlled `effects` hide the before-and-after ratio of an outcome, no specification shows one of it.
    """
    values = ["estimate", "std_error", "ci_low", "ci_high"]
    controlled = control_table(sensitivity, threshold, rounding, counts=["n_people"]).round(4)
    hidden = effects.loc[effects["estimator"].eq("naive") & effects["estimate"].isna(), "outcome"]
    is_plain = controlled["estimator"].eq("naive")
    is_hidden = is_plain & controlled["outcome"].isin(hidden) & controlled["estimate"].notna()
    controlled[values] = controlled[values].where(~is_plain, controlled[values].round(2)).mask(is_hidden)
    return controlled.assign(status=controlled["status"].mask(is_hidden, NOT_SHOWN))


def control_decomposition(decomposition: pd.DataFrame, effects: pd.DataFrame, n_clients: float, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `decomposition` with every part as of rounded sums of contacts, still adding up; without rows where a sum lies below the threshold.

    The naive fall is two plain sums of `n_clients`, the exact number of clients. Both it and its parts are moved alike. Where the
    controlled `effects` do not show the fall of the first outcome, it is not shown by its parts either.
    """
    naive = decomposition[decomposition["part"].eq("naive fall")]
    if naive.empty:
        return decomposition.round(2)
    fall = float(naive["contacts_per_client"].iloc[0]) * n_clients
    share = float(naive["percentage_points"].iloc[0]) / 100
    before = fall / share if share else np.nan
    after = before - fall
    shown = effects.loc[effects["estimator"].eq("naive"), "estimate"].head(1)
    if not min(before, after, n_clients) >= threshold or shown.isna().any():
        return decomposition.iloc[:0]
    rounded_before, rounded_after, clients = (float(round_to(round(value), rounding)) for value in (before, after, n_clients))
    per_client = (rounded_before - rounded_after) / clients * n_clients / fall
    points = (1 - rounded_after / rounded_before) / share
    columns = [name for name in decomposition if name in ("percentage_points", "ci_low", "ci_high") or name.startswith("points_")]
    return decomposition.assign(contacts_per_client=decomposition["contacts_per_client"] * per_client, **{name: decomposition[name] * points for name in columns}).round(2)


def control_balance(balance: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `balance` fit for publication: people rounded, the overlap missing where fewer than the threshold lie outside it."""
    outside = (1 - balance["overlap"]) * balance["n_referred"]
    overlap = control_shares(balance, "overlap", "n_referred", threshold, rounding)["overlap"].where(outside >= threshold)
    controlled = {name: control_counts(balance[name], threshold, rounding) for name in ("n_referred", "n_comparison", "n_effective")}
    return balance.assign(overlap=overlap, **controlled).round(3)


def control_unlinkables(unlinkables: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `unlinkables` fit for publication: counts rounded or suppressed, and their shares those of rounded counts; nothing but the counts beside a suppressed one."""
    shares, counts = ["share_identities", "share_contacts"], ["n_identities", "n_contacts"]
    controlled = {count: control_counts(unlinkables[count], threshold, rounding) for count in counts}
    whole = [round_to((unlinkables[count] / unlinkables[share]).max(), rounding) for share, count in zip(shares, counts)]
    hidden = pd.DataFrame(controlled).isna().any(axis=1)
    again = {share: (controlled[count].astype(float) / total).mask(hidden) for share, count, total in zip(shares, counts, whole)}
    return unlinkables.assign(**controlled, **again).round(4)


def control_calibration(calibration: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `calibration` fit for publication: nothing beside a suppressed count, wrong links never counted.

    Its shares are of links weighted by how sure their labels are, so no count can be worked out from one.
    """
    blank = ["expected", "calibrated", "share_right", "ci_low", "ci_high"]
    return control_table(calibration.drop(columns="n_wrong", errors="ignore"), threshold, rounding, counts=["n"], blank=blank).round(4)


def control_missed(missed_links: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `missed_links` fit for publication: numbers of pairs and contacts rounded, the share that of rounded counts, what follows from them cut short.

    A share of pairs that are one person's is hidden where fewer than the threshold are, or are not, and with it all that
    its upper end leads to, from which it could be worked out; so is what the model expects, where that is fewer.
    """
    counts, shares = ["n_pairs_below", "n_labelled", "n_contacts"], ["share_same", "share_same_at_most", "loss_at_most", "log_shift_at_most"]
    is_of_people = pd.Series(True, missed_links.index)
    table = control_shares(missed_links, "share_same", "n_labelled", threshold, rounding, of_people=is_of_people)
    table = table.assign(expected_matches=table["expected_matches"].where(table["expected_matches"] >= threshold))
    table = table.assign(**{name: round_to(table[name], rounding) for name in ("expected_matches", "missed_at_most")})
    table[["missed_at_most", *shares]] = table[["missed_at_most", *shares]].mask(table["share_same"].isna())
    return control_table(table, threshold, rounding, counts=counts, blank=["expected_matches", "missed_at_most", *shares]).round(3)


def control_truth(linkage_truth: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `linkage_truth` fit for publication: counts rounded or suppressed, shares and intervals those of rounded counts."""
    if linkage_truth.empty:
        return linkage_truth
    ends = ["ci_low", "ci_high"]
    return control_table(control_shares(linkage_truth, "value", "n", threshold, rounding, ends), threshold, rounding, counts=["n"], blank=["value", *ends]).round(4)
