"""Made-up tables in the shape that the stages write, for the tests of figures, wording and report."""

import numpy as np
import pandas as pd

from pipeline.tables import read_reference


def attrition() -> pd.DataFrame:
    """Return both flows, exact counts, one small loss."""
    analysis = [
        ("referred", "all referrals in the study window", 1402, 1252),
        ("observed", "follow-up ends after the extract does", 1402, 1249),
        ("linked", "not found in the contact records before referral", 1214, 1120),
        ("analysed", "no contact in the months before referral", 1093, 1016),
    ]
    claim = [
        ("referred", "all referrals in the study window", 1402, 1252),
        ("accepted", "not accepted", 1203, 1090),
        ("engaged", "never met a mentor", 742, 655),
        ("observed", "accounting period not complete", 480, 431),
        ("linked", "not known to the police before", 437, 396),
    ]
    uptake = [("analysed", "everyone in the analysis", 1093, 1016), ("engaged", "never engaged: stays in the analysis", 614, 560)]
    rows = [("claim", i, *row) for i, row in enumerate(claim, 1)] + [("analysis", i, *row) for i, row in enumerate(analysis, 1)]
    rows += [("uptake", i, *row) for i, row in enumerate(uptake, 1)]
    table = pd.DataFrame(rows, columns=["flow", "step", "stage", "reason", "n_referrals", "n_people"])
    table["n_lost"] = -table.groupby("flow")["n_people"].diff().fillna(0).astype(int)
    return table


def effects() -> pd.DataFrame:
    """Return the main estimates of one outcome and the referral effect of a second."""
    rows = [
        ("n_contacts", "none", "naive", "before_after", -1.6555, 0.08, 396, 9504),
        ("n_contacts", "not_yet_referred", "sequential_trials", "referral", -0.30, 0.08, 61234, 734808),
        ("n_contacts", "not_yet_referred", "complier", "engaged", -0.55, 0.15, 61234, 734808),
        ("n_contacts", "not_yet_referred", "sequential_trials", "never_engaged", -0.02, 0.10, 60810, 729720),
        ("n_contacts", "not_yet_referred", "sequential_trials", "engaged", -0.51, 0.09, 60790, 729480),
        ("n_contacts", "never_engaged", "lagged_outcome", "engaged", -0.50, 0.12, 1016, 12192),
        ("n_contacts", "not_yet_referred", "complier_unengaged_0.9", "engaged", -0.64, 0.18, 61234, 734808),
        ("n_101", "not_yet_referred", "sequential_trials", "referral", -0.22, 0.14, 61234, 734808),
        ("n_999", "not_yet_referred", "sequential_trials", "referral", -0.35, 0.12, 61234, 734808),
    ]
    table = pd.DataFrame(rows, columns=["outcome", "comparison", "estimator", "estimand", "estimate", "std_error", "n_people", "n_person_months"])
    table["ci_low"] = table["estimate"] - 1.96 * table["std_error"]
    table["ci_high"] = table["estimate"] + 1.96 * table["std_error"]
    table["p_value"] = [1e-9, 0.0002, 0.0003, 0.84, 1e-8, 3e-5, 0.0004, 0.116, 0.004]
    columns = ["outcome", "comparison", "estimator", "estimand", "estimate", "std_error", "ci_low", "ci_high", "p_value", "n_people", "n_person_months"]
    return table[columns]


def event_study() -> pd.DataFrame:
    """Return 24 months before and 12 after for both arms; the reference months carry no ratio."""
    months = np.r_[-24:0, 0:12]
    spike = 0.35 + 1.5 * np.exp((months + 1) / 2.5) * (months < 0) + 0.45 * np.exp(-months / 3) * (months >= 0)
    frames = []
    for arm, factor in [("referred", np.where(months >= 0, 0.7, 1.0)), ("not_yet_referred", np.ones(len(months)))]:
        rate = spike * factor
        ratio = np.where((months >= -3) & (months < 0), np.nan, np.log(factor) + 0.05 * np.sin(months))
        ratio = ratio if arm == "referred" else np.full(len(months), np.nan)
        frames.append(
            pd.DataFrame(
                {
                    "month": months,
                    "arm": arm,
                    "n_people": 1016 if arm == "referred" else 60218,
                    "contacts_per_person_month": rate,
                    "estimate": ratio,
                    "std_error": np.where(np.isnan(ratio), np.nan, 0.12),
                    "ci_low": ratio - 0.24,
                    "ci_high": ratio + 0.24,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def decomposition() -> pd.DataFrame:
    """Return a naive fall of 81 points in five parts; the scheme's is 19 points, more if it were taken off first."""
    none = float("nan")
    rows = [
        ("naive fall", 0, 10.9, 81.0, 1.0, 78.0, 84.0, 1.0, 1.0, none, none, none),
        ("linkage", 1, 0.1, 0.7, 0.02, 0.2, 1.2, 0.01, 0.03, none, none, none),
        ("exposure", 2, 0.1, 0.6, 0.01, 0.3, 0.9, 0.0, 0.02, 0.6, 3.2, 1.7),
        ("calendar", 3, 0.5, 3.4, 0.04, 1.8, 5.0, 0.02, 0.06, 0.6, 3.4, 1.9),
        ("regression to the mean and anything unmeasured", 4, 7.7, 57.7, 0.57, 51.0, 64.0, 0.5, 0.64, 20.1, 59.7, 38.8),
        ("scheme (carried over from compliers)", 5, 2.5, 18.6, 0.36, 11.0, 25.0, 0.25, 0.45, 15.2, 44.9, 29.6),
    ]
    names = ["part", "position", "contacts_per_client", "percentage_points", "log_share", "ci_low", "ci_high", "log_ci_low", "log_ci_high", "points_low", "points_high", "points_mean"]
    return pd.DataFrame(rows, columns=names)


def claims() -> pd.DataFrame:
    """Return the four published figures beside reproduced and controlled ones."""
    rows = [
        ("fall in demand", 81.0, 80.9, 42.3, 22.6, 57.0),
        ("did not call", 50.0, 50.5, 9.1, 2.0, 16.4),
        ("called once or twice", 22.0, 21.7, -1.2, -7.0, 4.9),
        ("clients", 397.0, 396.0, np.nan, np.nan, np.nan),
    ]
    return pd.DataFrame(rows, columns=["claim", "published", "reproduced", "controlled", "ci_low", "ci_high"])


def model_checks() -> pd.DataFrame:
    """Return checks that all pass."""
    rows = [
        ("balance", 0.06, 0.10, True, "The largest standardised difference after weighting is small."),
        ("effective comparisons", 812.0, 100.0, True, "Enough comparison people carry the weights."),
        ("pre-trend", 0.41, 0.05, True, "Both arms moved alike before time zero."),
        ("falsification", 0.84, float("nan"), True, "The referred who never engaged fared like the comparison people."),
        ("overlap", 0.99, 0.95, True, "There is somebody to compare every referred person with."),
    ]
    return pd.DataFrame(rows, columns=["check", "value", "pass_mark", "passed", "meaning"])


def link_quality() -> pd.DataFrame:
    """Return estimated precision and recall by arm and one link rate."""
    rows = [
        ("precision", "referred", "all", 0.995, 0.991, 0.998, 9120, 0.98, True),
        ("recall", "referred", "before", 0.931, 0.921, 0.940, 5120, 0.90, True),
        ("recall", "referred", "after", 0.922, 0.910, 0.934, 4000, 0.90, True),
        ("recall", "not_referred", "all", 0.927, 0.922, 0.932, 80120, 0.90, True),
        ("link rate", "referred", "all", 0.91, 0.89, 0.93, 1252, 0.85, True),
        ("share of contacts without a person", "all", "all", 0.04, np.nan, np.nan, 4, np.nan, pd.NA),
    ]
    return pd.DataFrame(rows, columns=["check", "arm", "period", "value", "ci_low", "ci_high", "n", "pass_mark", "passed"])


def linkage_tables() -> dict:
    """Return the tables of the linkage under their names, on a simulated set whose truth is known; nobody has read pairs."""
    levels = [("surname", 1, "Exact match on surname", 0.9, 0.004, 7.8), ("surname", 0, "All other comparisons", 0.1, 0.996, -3.3), ("sex", 1, "Exact match on sex", 0.98, 0.5, 1.0)]
    steps = [("before any comparison", "two records picked at random", -12.0, -12.0), ("surname", "Exact match on surname", 7.8, -4.2), ("altogether", "scored", -4.2, -4.2)]
    contrasts = ["after less before, referred", "difference in differences"]
    months = [(measure, arm, month) for measure in ("found by details alone", "true recall") for arm in ("referred", "not_referred") for month in range(-3, 3)]
    measures = [("precision", 0.991), ("recall", 0.982), ("f1", 0.986)]
    differences = [(measure, contrast, -0.02, 0.008, -0.036, -0.004, 1250, 9120) for measure in ("found by details alone", "true recall") for contrast in contrasts]
    compared = [("clients found and not found", "year", "2018", 1180, 60, 0.95, 0.8, 0.47), ("clients found and not found", "year", "2019", 62, 15, 0.05, 0.2, -0.47)]
    return {
        "match_levels": pd.DataFrame(levels, columns=["comparison", "gamma", "level", "m", "u", "match_weight"]),
        "match_examples": pd.DataFrame([("Married", "A new surname", place, *step) for place, step in enumerate(steps)], columns=["example", "about", "position", "step", "level", "match_weight", "total"]),
        "unlinkables": pd.DataFrame({"match_weight": [0.0, 5.0], "match_probability": [0.5, 0.97], "share_identities": [0.001, 0.013], "share_contacts": [0.001, 0.011], "n_identities": [4, 260], "n_contacts": [4, 960]}),
        "link_thresholds": pd.DataFrame({"accept_from": [0.5, 0.95], "is_chosen": [False, True], "n_pairs": [52000, 50000], "n_people": [4800, 5200], "precision": [0.99, 0.999], "recall": [0.999, 0.99], "f1": [0.9945, 0.9945]}),
        "link_thresholds_truth": pd.DataFrame([(threshold, *row, row[1] - 0.01, row[1] + 0.005, 93000) for threshold in (0.5, 0.95) for row in measures], columns=["accept_from", "measure", "value", "ci_low", "ci_high", "n"]),
        "linkage_months": pd.DataFrame([(*key, 0.98, 0.95, 0.99, 400) for key in months], columns=["measure", "arm", "month", "value", "ci_low", "ci_high", "n"]),
        "linkage_differences": pd.DataFrame(differences, columns=["measure", "contrast", "estimate", "std_error", "ci_low", "ci_high", "n_people", "n_contacts"]),
        "linkage_comparison": pd.DataFrame(compared, columns=["compared", "characteristic", "level", "n_linked", "n_unlinked", "share_linked", "share_unlinked", "difference"]),
        "clerical_review": pd.DataFrame(columns=["measure", "arm", "value", "ci_low", "ci_high", "value_if_two", "value_if_one", "n_pairs", "n_unsure", "reviewed_on", "linkage"]),
    }  # fmt: skip


def balance() -> pd.DataFrame:
    """Return nine covariates, one of them amber after weighting."""
    names = ["n_lag_1_1", "n_lag_2_3", "n_lag_4_6", "n_lag_7_12", "n_lag_13_24", "days_since_contact", "age", "sex=F", "share_caller"]
    before = [1.2, 0.9, 0.6, 0.5, 0.45, -0.7, 0.1, -0.05, 0.02]
    after = [0.03, 0.02, -0.04, 0.06, 0.01, 0.02, -0.03, 0.0, 0.01]
    table = pd.DataFrame({"covariate": names, "treated": "referred", "comparison": "not_yet_referred", "smd_before": before, "smd_after": after})
    table["flag"] = np.where(table["smd_after"].abs() > 0.05, "amber", "green")
    return table.assign(n_referred=1016, n_comparison=60218, n_effective=812, overlap=0.99)


def sensitivity() -> pd.DataFrame:
    """Return twenty-four crossed specifications, five that change one choice, and three invalid ones."""
    plan = {
        "comparison": "not_yet_referred", "outcome": "n_contacts", "estimator": "doubly_robust", "months_after": 12, "washout_days": 0, "pandemic_months": "in", "exposure": "in_area",
        "accept_from": 0.9, "trigger_months": 3, "lag_edges": "1, 3, 6, 12, 24", "duplicates": "left_out", "later_referrals": "removed", "unengaged_irr": 1.0, "is_valid": True,
    }  # fmt: skip
    crossed = [{"months_after": m, "washout_days": w, "outcome": o, "estimator": e} for m in (6, 12) for w in (0, 30) for o in ("n_contacts", "n_caller") for e in ("doubly_robust", "weights_only", "outcome_regression")]
    alone = [{"accept_from": 0.8}, {"accept_from": 0.99}, {"trigger_months": 1}, {"unengaged_irr": 0.9}, {"comparison": "never_engaged", "estimator": "lagged_outcome"}]
    invalid = [{"comparison": one, "estimator": name, "is_valid": False} for one, name in (("none", "naive"), ("not_yet_referred", "fixed_effects"), ("referred_later", "referred_later"))]
    table = pd.DataFrame([plan | changes for changes in [*crossed, *alone, *invalid]])
    table["is_primary"] = [changes == {"months_after": 12, "washout_days": 0, "outcome": "n_contacts", "estimator": "doubly_robust"} for changes in [*crossed, *alone, *invalid]]
    # Half a year instead of a year moves the log ratio by -0.2, a washout by 0.05, weights alone by 0.03.
    table["estimate"] = -0.62 - 0.2 * (table["months_after"] == 6) + 0.05 * (table["washout_days"] == 30) + 0.03 * (table["estimator"] == "weights_only")
    table.loc[~table["is_valid"], "estimate"] = [-1.66, -1.4, -0.5]
    table["std_error"] = 0.15
    table["ci_low"], table["ci_high"] = table["estimate"] - 0.3, table["estimate"] + 0.3
    return table.assign(n_people=61234, status="estimated")


def validation_results() -> pd.DataFrame:
    """Return one rule passed and one warning."""
    rows = [
        ("contacts", "contact_id is unique", "A repeated key counts a contact twice.", "critical", True, 0, 101000),
        ("contacts", "postcode is a UK postcode", "Postcodes that cannot be read cost links.", "warning", False, 812, 101000),
    ]
    return pd.DataFrame(rows, columns=["table", "rule", "reason", "severity", "passed", "n_unexpected", "n_rows"])


def all_tables() -> dict:
    """Return every made-up table under its name."""
    return {
        "attrition": attrition(),
        "effects": effects(),
        "event_study": event_study(),
        "decomposition": decomposition(),
        "claims": claims(),
        "model_checks": model_checks(),
        "link_quality": link_quality(),
        "balance": balance(),
        "sensitivity": sensitivity(),
        "validation_results": validation_results(),
        **{name: read_reference(name) for name in ("theory_of_change", "rival_explanations", "glossary")},
    }
