"""Tables as readers see them: controlled tables turned into words, one function per table, every cell text.

Each returns a frame of strings whose column names are the headings, ready for pipeline.markdown. Builds on
pipeline.wording (numbers in words), pipeline.labels (codes in words) and pipeline.link_quality (which checks count clients).
"""

import math
import re

import pandas as pd

from pipeline.labels import explain_loss, label, label_lag
from pipeline.link_quality import OF_CLIENTS
from pipeline.wording import change_of, close_up, is_missed, write_beside, write_date, write_number, write_p, write_percent, write_ratio, write_signed

COMPLETENESS = "completeness of "


def count_words(count, threshold: int) -> str:
    """Return a controlled count; a suppressed one reads "fewer than 10" for a threshold of 10."""
    return f"fewer than {threshold}" if pd.isna(count) else f"{int(count):,}"


def verdict_words(passed, pass_mark) -> str:
    """Return "met" or "not met", or "no pass mark" when there is none."""
    return "no pass mark" if pd.isna(passed) or pd.isna(pass_mark) else "met" if passed else "not met"


def interval_words(low, high, write) -> str:
    """Return both ends of an interval as `write` writes them, on one line; a dash when there is no interval."""
    return "–" if pd.isna(low) and pd.isna(high) else f"{write(low)} to {write(high)}".replace(" ", "\u00a0")


def write_points(value) -> str:
    """Return a difference of two percentages, in percentage points with its sign."""
    return write_number(value) if pd.isna(value) else f"{write_signed(value, 1)} points"


def write_fewer(value) -> str:
    """Return by how many percent engaging lowered contacts: "46.7% fewer", "3.0% more"."""
    return write_percent(value) if not math.isfinite(value) else f"{write_percent(abs(value))} {'fewer' if value >= 0 else 'more'}"


def dash_if_missing(value, write) -> str:
    """Return `value` as `write` writes it, a dash when it is missing."""
    return "–" if pd.isna(value) else write(value)


def write_one(value) -> str:
    """Return a number with one decimal."""
    return write_number(value, 1)


def show_claims(claims: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the published figures beside the reproduced ones and what engaging is estimated to have done."""
    rows = []
    # No figure at all could be counted: the extracts do not say who engaged, or nobody belongs to the claim.
    is_void = claims["reproduced"].isna().all()
    for row in claims.itertuples():
        is_count = row.claim == "clients"
        write = (lambda value: count_words(value, threshold)) if is_count else lambda value: dash_if_missing(value, write_percent)
        left = write_fewer if row.claim == "fall in demand" else write_points
        rows.append(
            {
                "Figure": row.claim[0].upper() + row.claim[1:],
                "Published": write_number(row.published) if is_count else write_percent(row.published, 0),
                "Same count on these extracts": "not computable" if is_void else write(row.reproduced),
                "Estimated effect of engaging": "–" if is_count else dash_if_missing(row.controlled, left),
                "Interval": "–" if is_count else interval_words(row.ci_low, row.ci_high, left),
            }
        )
    return pd.DataFrame(rows)


def show_attrition(attrition: pd.DataFrame, threshold: int, has_register: bool = True) -> pd.DataFrame:
    """Return both flows step by step; without a register nobody knows of referrals beside people."""
    table = pd.DataFrame(
        [
            {
                "Flow": label("flow", row.flow),
                "Step": label("stage", row.stage),
                "People": count_words(row.n_people, threshold),
                "Referrals": count_words(row.n_referrals, threshold),
                "People lost": "–" if row.is_first else count_words(row.n_lost, threshold),
                "Why": explain_loss(row.flow, row.stage, row.reason),
            }
            for row in attrition.assign(is_first=~attrition["flow"].duplicated()).itertuples()
        ]
    )
    return table if has_register else table.drop(columns="Referrals", errors="ignore")


def name_further_flows(attrition: pd.DataFrame) -> list[str]:
    """Return what the flows beside those of the claim and the analysis tell, in words."""
    words = {"uptake": "how many of those analysed engaged", "untriggered": "how many of those sent without a recent contact did", "overlap": "how far the two flows overlap"}
    return [said for flow, said in words.items() if flow in set(attrition["flow"])]


def show_effects(effects: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return estimates as ratios with change in percent, one row each, named in words."""
    return pd.DataFrame(
        [
            {
                "Estimate": name_estimate(row) + note_of(row),
                "Ratio": dash_if_missing(row.estimate, write_ratio),
                "Interval": interval_words(row.ci_low, row.ci_high, write_ratio),
                "Change": dash_if_missing(row.estimate, write_signed_change),
                "Contacts averted": write_averted(row),
                "p-value": dash_if_missing(row.p_value, write_p),
                "People": count_words(row.n_people, threshold),
            }
            for row in effects.itertuples()
        ]
    )


def note_of(row) -> str:
    """Return in brackets why a row holds no estimate, or what an estimate leaves out; nothing where there is nothing to say."""
    kind, _, note = str(getattr(row, "status", "estimated")).partition(": " if str(getattr(row, "status", "")).startswith("not") else "; ")
    note = re.sub(r"\d{4,}(?= (trials|referred|people))", lambda found: f"{int(found.group()):,}", note)
    return f" ({kind}: {note})" if note and kind != "estimated" else f" ({note})" if note else ""


def write_averted(row) -> str:
    """Return contacts averted with their interval; a dash where nobody is compared, or where they cannot be had."""
    found = [getattr(row, name, float("nan")) for name in ("n_averted", "n_averted_low", "n_averted_high")]
    if row.comparison == "none" or not all(map(math.isfinite, found)):
        return "–"
    one, low, high = (f"{value:,.0f}".replace("-", "\u2212") for value in found)
    return f"{one} ({low} to {high})".replace(" ", "\u00a0")


def write_signed_change(estimate) -> str:
    """Return a log ratio as a change in whole percent with its sign: "−45%", "0%"."""
    percent = round(change_of(estimate))
    return "unbounded" if estimate > 8 else f"{write_signed(percent)}%"


def name_estimate(row) -> str:
    """Return an estimate's name: of what, by which estimator, against whom."""
    against = {"never_engaged": ", against those who never engaged", "none": ", nobody to compare with"}.get(row.comparison, "")
    if row.estimator == "naive":
        return label("estimator", "naive") + against
    theta = str(row.estimator).removeprefix("complier_unengaged_")
    if theta != row.estimator:
        return f"Engaging (complier effect), if a referral nobody took up multiplies contacts by {theta}"
    if row.estimand == "engaged" and row.estimator in ("sequential_trials", "lagged_outcome"):
        return "The engaged alone" + (against or ", against people not yet referred")
    how = {"sequential_trials": "", "complier": " (complier effect)"}.get(row.estimator, f" ({label('estimator', row.estimator)[0].lower()}{label('estimator', row.estimator)[1:]})")
    return f"{label('estimand', row.estimand)}{how}{against}"


def name_main_estimates(effects: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the rows of `outcome` that the figure shows, with a column `name`: without variants of the same estimate."""
    is_main = effects["estimator"].isin(["naive", "sequential_trials", "complier", "lagged_outcome"])
    rows = effects[effects["outcome"].eq(outcome) & is_main]
    return rows.assign(name=[name_estimate(row) for row in rows.itertuples()])


def show_secondary(effects: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the effects of referral and of engaging on further outcomes, first column the outcome.

    p-values are corrected after Holm (1979) over the outcomes, for each of the two effects apart.
    """
    rows = effects[effects["estimator"].isin(["sequential_trials", "complier"])]
    shown = show_effects(rows, threshold)
    if shown.empty:
        return shown
    shown.insert(0, "Outcome", [label("outcome", code) for code in rows["outcome"]])
    corrected = rows.groupby("estimator")["p_value"].transform(correct_by_holm)
    return shown.assign(**{"p-value, corrected": [dash_if_missing(value, write_p) for value in corrected]}).drop(columns=["p-value", "People", "Contacts averted"])


def correct_by_holm(p_values: pd.Series) -> pd.Series:
    """Return p-values corrected for their number by Holm's (1979) step-down method; missing ones stay missing."""
    ordered = p_values.dropna().sort_values(kind="stable")
    factors = range(len(ordered), 0, -1)
    corrected = (ordered * list(factors)).cummax().clip(upper=1)
    return corrected.reindex(p_values.index)


def show_checks(model_checks: pd.DataFrame) -> pd.DataFrame:
    """Return the model checks with value, pass mark and verdict."""
    rows = []
    for row in model_checks.itertuples():
        found, mark = write_beside(row.value, row.pass_mark)
        rows.append({"Check": str(row.check).replace("_", " ").capitalize(), "Found": found, "Pass mark": mark, "Verdict": verdict_words(row.passed, row.pass_mark), "What it means": row.meaning})
    return pd.DataFrame(rows)


def show_link_quality(link_quality: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the checks of the linkage by arm and period; completeness of identifiers has a table of its own."""
    rows = []
    for row in link_quality[~link_quality["check"].str.startswith(COMPLETENESS)].itertuples():
        is_hidden = pd.isna(row.n)
        rows.append(
            {
                "Check": str(row.check).replace("_", " ").capitalize(),
                "Arm": label("arm", row.arm),
                "Period": label("period", row.period),
                "Found": "suppressed" if is_hidden else f"fewer than {threshold} on one side" if pd.isna(row.value) and str(row.check).startswith(OF_CLIENTS) else dash_if_missing(row.value, write_share),
                "Interval": "–" if is_hidden else interval_words(row.ci_low, row.ci_high, write_share),
                "Counted": count_words(row.n, threshold),
                "Pass mark": dash_if_missing(row.pass_mark, write_share),
                "Verdict": "suppressed" if is_hidden else verdict_words(row.passed, row.pass_mark),
            }
        )
    return pd.DataFrame(rows)


def write_share(value) -> str:
    """Return a share of 1 with three decimals."""
    return write_number(value, 3)


def show_completeness(link_quality: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return which share of contacts holds each identifier: one row per identifier, one column per arm and period with its contacts."""
    rows = link_quality[link_quality["check"].str.startswith(COMPLETENESS) & ~(link_quality["arm"].eq("referred") & link_quality["period"].eq("all"))]
    if rows.empty:
        return pd.DataFrame()
    group = rows["arm"].map(lambda arm: label("arm", arm)) + rows["period"].map({"before": ", before", "after": ", after"}).fillna("")
    group = group + [f" ({count_words(count, threshold)} contacts)" for count in rows["n"]]
    field = rows["check"].str.removeprefix(COMPLETENESS).str.capitalize().replace("Nominal id", "The force's own person number")
    shares = rows.assign(group=group, field=field, share=[dash_if_missing(value, lambda share: write_percent(100 * share, 0)) for value in rows["value"]])
    table = shares.pivot(index="field", columns="group", values="share").reindex(index=shares["field"].unique(), columns=shares["group"].unique())
    return table.rename_axis(columns=None).rename_axis("Identifier").reset_index()


def show_balance(balance: pd.DataFrame) -> pd.DataFrame:
    """Return the standardised difference of each covariate before and after weighting, one block of columns per comparison.

    Shown are everyone referred and the engaged against the referred who never engaged; reports/tables/balance.csv holds the others.
    """
    balance = balance[balance["treated"].eq("referred") | balance["comparison"].eq("never_engaged")]
    table = pd.DataFrame({"Covariate": [label_lag(str(name)) for name in balance["covariate"].drop_duplicates()]}, index=balance["covariate"].drop_duplicates())
    for comparison, rows in balance.set_index("covariate").groupby("comparison", sort=False):
        rows = rows.reindex(table.index)
        name = label("group", comparison)
        table[f"{name}: before"] = [dash_if_missing(value, write_difference) for value in rows["smd_before"]]
        table[f"{name}: after"] = ["–" if pd.isna(value) else f"{write_difference(value)} {flag}" for value, flag in zip(rows["smd_after"], rows["flag"])]
    return table.reset_index(drop=True) if len(balance) else pd.DataFrame()


def write_difference(value) -> str:
    """Return a standardised difference with two decimals."""
    return write_number(value, 2)


def show_validation(validation_results: pd.DataFrame) -> pd.DataFrame:
    """Return per extract how many rules were tested, and how many of them were not met."""
    counted = validation_results.assign(is_broken=is_missed(validation_results)).groupby("table", sort=False)["is_broken"].agg(["size", "sum"])
    return pd.DataFrame(
        [
            {"Extract": label("extract", table), "Rules tested": f"{n_rules}", "Result": f"{n_broken} not met" if n_broken else "all met"}
            for table, n_rules, n_broken in counted.itertuples(name=None)
        ]
    )


def show_broken_rules(validation_results: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return each rule that an extract does not meet in full, with its reason; no rows when all are met."""
    broken = validation_results[is_missed(validation_results)]
    return pd.DataFrame(
        [
            {"Extract": label("extract", row.table), "Rule": row.rule, "Severity": row.severity, "Rows concerned": count_words(row.n_unexpected, threshold), "Why it matters": row.reason}
            for row in broken.itertuples()
        ]
    )


def show_parameters(parameters: pd.DataFrame, is_simulated: bool) -> pd.DataFrame:
    """Return parameters with dates in words; those of the simulation are of no concern to real extracts."""
    rows = parameters if is_simulated else parameters[~parameters["parameter"].str.startswith("simulate.")]
    is_date = rows["value"].str.fullmatch(r"\d{4}-\d{2}-\d{2}")
    values = [write_date(value) if dated else value or "not set" for value, dated in zip(rows["value"], is_date)]
    return pd.DataFrame({"Parameter": rows["parameter"], "Value": values, "Meaning": rows["meaning"].map(close_up)})


def show_provenance(provenance: pd.DataFrame) -> pd.DataFrame:
    """Return where the report came from, each kind in words."""
    return pd.DataFrame({"Kind": [label("provenance", kind) for kind in provenance["kind"]], "Item": provenance["item"], "Value": provenance["value"]})


def show_decomposition(decomposition: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of the headline in percentage points, with interval, share on the log scale and what other orders of the parts give."""
    return pd.DataFrame(
        [
            {
                "Part": label("part", row.part),
                "Percentage points": write_number(row.percentage_points, 1),
                "Interval": interval_words(row.ci_low, row.ci_high, lambda value: write_number(value, 1)),
                "Contacts per client": write_number(row.contacts_per_client, 1),
                "Share (log scale)": "–" if pd.isna(row.log_share) else write_percent(100 * row.log_share, 0),
                "Points, any order": interval_words(row.points_low, row.points_high, lambda value: write_number(value, 1)),
            }
            for row in decomposition.sort_values("position").itertuples()
        ]
    )
