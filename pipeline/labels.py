"""The words that readers see in place of the codes that tables hold: one dictionary per kind of code."""

import pandas as pd

LABELS = {
    "outcome": {
        "n_contacts": "All police contacts",
        "n_caller": "Calls by the person",
        "n_subject": "Contacts about the person",
        "n_victim": "Contacts as a victim",
        "n_101": "101 calls",
        "n_999": "999 calls",
        "n_attended": "Attended incidents",
        "officer_minutes": "Officer minutes",
    },
    "comparison": {
        "none": "No comparison (before and after)",
        "not_yet_referred": "People not yet referred",
        "never_engaged": "Referred, never engaged",
        "referred_later": "People referred later",
    },
    "estimator": {
        "naive": "Before and after, as published",
        "sequential_trials": "Sequential trials",
        "complier": "Complier effect",
        "lagged_poisson": "Poisson on earlier contacts",
        "lagged_outcome": "Poisson on earlier contacts",
        "sequential_trials_followed": "later referrals of comparison people left in",
        "complier_followed": "Complier effect, later referrals left in",
        "followed": "Later referrals left in",
        "doubly_robust": "Complier effect, doubly robust",
        "censored": "Followed up to a later referral only",
        "weights_only": "Weights only",
        "outcome_regression": "Regression only",
        "engaged_only": "The engaged alone",
        "referred_later": "Known to be referred later",
        "fixed_effects": "Person fixed effects",
        "fixed_effects_quiet": "Person fixed effects, quiet months before",
        "matched_sets": "Matched sets",
        "matched_on_total": "Matched on the year's total only",
        "lagged_outcome_matched": "Poisson on earlier contacts, in matched sets",
        "empirical_bayes": "Empirical Bayes, persistence learnt",
        "interrupted_series": "Interrupted time series of the clients' monthly total",
        "empirical_bayes_unweighted": "Empirical Bayes, persistence learnt from everyone",
        "empirical_bayes_textbook": "Empirical Bayes, one-period dispersion",
    },
    "errs": {
        "matched_sets": "Towards harm: near as they are, twins of the heaviest callers are lighter, and the heaviest find none",
        "lagged_outcome_matched": "Little, where what drives referral is on record; those who find nobody are left out",
        "empirical_bayes": "Little, where what drives referral is on record",
        "fixed_effects": "Towards success: the peak that led to the referral is taken for the usual level",
        "fixed_effects_quiet": "Towards harm: the quiet months before the peak are taken for the usual level",
        "interrupted_series": "Either way: nobody to compare with; the peaks before later referrals fall after the scheme began",
    },
    "estimand": {
        "referral": "Being referred",
        "engaged": "Engaging with the scheme",
        "never_engaged": "Being referred without engaging",
        "before_after": "Before and after",
    },
    "arm": {
        "referred": "Referred",
        "not_yet_referred": "Not yet referred",
        "not_referred": "Not referred",
        "all": "Everyone",
    },
    "period": {"before": "Before referral", "after": "After referral", "all": "Whole period"},
    "flow": {
        "claim": "The published claim",
        "analysis": "The analysis",
        "uptake": "Uptake among those analysed",
        "untriggered": "Sent without a recent contact",
        "overlap": "Both flows together",
    },
    "stage": {
        "distinct": "Counted once",
        "claim_period": "In the claim's period",
        "at_risk": "At risk on the day",
        "untriggered": "No recent contact",
        "either": "In either flow",
        "both": "In both flows",
    },
    "extract": {
        "referrals": "Referrals",
        "contacts": "Contacts",
        "exits": "Exits (custody, hospital, death, moves)",
        "mentors": "Mentors",
        "contact_months": "Contacts, month by month",
        "referral_months": "Referrals, month by month",
        "references": "References from one extract to another",
        "extract_files": "Files as received",
    },
    "part": {
        "naive fall": "Fall from before to after",
        "linkage": "Linkage (search by the register)",
        "exposure": "Less time at risk (death, moving away)",
        "calendar": "Season, pandemic and recording",
        "regression to the mean and anything unmeasured": "Remainder: regression to the mean and anything unmeasured",
        "scheme (carried over from compliers)": "The scheme (carried over from all who engaged)",
    },
    "part_in_sentence": {
        "linkage": "linkage, which is what such a search counts beyond everyone linked alike",
        "exposure": "less time at risk because of death or moving away",
        "calendar": "season, pandemic and recording",
        "regression to the mean and anything unmeasured": "the remainder, regression to the mean and anything unmeasured",
        "scheme (carried over from compliers)": "the scheme",
    },
    "against": {
        "not_yet_referred": ", against people not yet referred",
        "never_engaged": ", against the referred who never engaged",
        "referred_later": ", against people referred later",
        "none": "",
    },
    "provenance": {
        "extract": "Extract (SHA-256)",
        "lock": "Locked packages (SHA-256)",
        "commit": "Commit of the pipeline",
        "version": "Version",
    },
    "group": {"not_yet_referred": "Not yet referred", "never_engaged": "Never engaged"},
    # Whole names of designs whose label under `estimator` is only the end of one.
    "design": {
        "sequential_trials_followed": "Sequential trials, later referrals left in",
        "complier_followed": "Complier effect, later referrals left in",
        "sequential_trials_censored": "Sequential trials, cut off at later referrals",
        "complier_censored": "Complier effect, cut off at later referrals",
    },
    "assurance": {
        "commissioner": "Commissioner: asked for it and accepts it",
        "analyst": "Analyst: carried it out",
        "assurer": "Assurer: reviewed it, and is not the analyst",
        "approver": "Approver: signed it off",
        "assured_on": "Assured on",
        "statement": "Assurance statement",
        "code_reviewed_by": "Reviewer of the code",
        "code_published_at": "Where the code is open to everybody",
        "funder": "Who paid, and what say they had",
    },
    "plan_choice": {
        "accept_from": "Links from",
        "engaged_by": "From being referred to engaging",
        "months_before": "Months before time zero",
        "months_after": "Months after time zero",
        "trigger_months": "A contact within months before",
        "needs_recent_contact": "Such a contact needed",
        "washout_days": "Washout days",
        "later_referrals": "Contacts after a comparison person's own referral",
    },
    "needs_recent_contact": {"True": "Yes", "False": "No"},
    # How the limits name a simulated world that breaks an assumption.
    "world_limit": {
        "hidden state": "With selection on a hidden state that officers see and records do not",
        "hidden state, no effect": "With selection on a hidden state, and a scheme without effect",
        "selective engagement": "Where people who are about to improve are the likelier to engage",
        "selective engagement, no effect": "Where people who are about to improve are the likelier to engage, and the scheme has no effect",
        "hidden state and selective engagement, no effect": "With both a hidden state and selective engagement, and a scheme without effect",
        "links decay after referral": "Where contacts are found less often after referral",
        "links decay after referral, no effect": "Where contacts are found less often after referral, and the scheme has no effect",
        "links differ by arm": "Where contacts of people never referred are found less often",
        "links differ by arm, no effect": "Where contacts of people never referred are found less often, and the scheme has no effect",
    },
    "measure": {"precision": "Precision", "recall": "Recall", "f1": "F1"},
    "step": {"before any comparison": "Prior", "date_of_birth": "Date of birth", "nominal_id": "Force’s number", "altogether": "Altogether"},
    "characteristic": {"holds nominal id": "Holds the force’s number"},
    "choice": {
        "outcome": "Outcome",
        "estimator": "Estimator",
        "months_after": "Follow-up",
        "washout_days": "Washout",
        "pandemic_months": "Pandemic months",
        "exposure": "Time at risk",
        "accept_from": "Accept threshold of links",
        "trigger_months": "Recent contact asked for",
        "lag_edges": "Spans held equal",
        "duplicates": "Duplicate records",
        "later_referrals": "Later referrals of comparison people",
        "unengaged_irr": "Effect of a referral alone",
    },
    "pandemic_months": {"in": "Pandemic months counted", "out": "Pandemic months left out"},
    "exposure": {"in_area": "Custody and hospital are time at risk", "at_liberty": "Custody and hospital taken out"},
    "duplicates": {"left_out": "Duplicates left out", "counted": "Duplicates counted"},
    "later_referrals": {"removed": "Net of later referrals", "followed": "Later referrals left in"},
    "input": {
        "effect": "Effect of being referred on officer hours",
        "officer_hour": "Price of an officer hour",
        "staff": "Staff of the scheme",
        "contracts": "Contracts of the scheme",
        "other_costs": "Other costs of the scheme",
        "volunteers": "Volunteers’ time",
        "not_analysed": "Hours averted among those not analysed",
        "blank_minutes": "Officer minutes left blank",
        "optimism": "Optimism bias",
        "years": "Years counted",
    },
    "switch": {
        "effect": "Fall in officer hours among the referred (%)",
        "officer_hour": "Price of an officer hour (£)",
        "hours_per_contact": "Officer hours per contact averted",
        "scheme": "Cost of the scheme a year (£)",
    },
    "identifier": {"birth": "date of birth", "place": "postcode or address", "nominal": "force’s number"},
}


def label(kind: str, code) -> str:
    """Return the words for `code` of this `kind`, or the code itself with spaces where it is not in the list."""
    if pd.isna(code):
        return ""
    words = str(code).replace("_", " ")
    return LABELS.get(kind, {}).get(str(code), words[:1].upper() + words[1:])


LEVELS = {
    "months_after": "{:g} months after",
    "washout_days": "Washout of {:g} days",
    "accept_from": "Links from {:.2f}",
    "trigger_months": "Contact within {:g} months",
    "unengaged_irr": "A referral alone does {:g}",
}


def word_level(choice: str, level) -> str:
    """Return one level of a choice of the sensitivity analysis in words; a dash where it means nothing for the extracts."""
    if pd.isna(level) or level == "":
        return "–"
    if choice == "lag_edges":
        return f"Spans to months {level}"
    words = LEVELS[choice].format(float(level)) if choice in LEVELS else label(choice, level)
    return words.removesuffix("s") if words.endswith(" 1 months") else words


def name_design(estimator: str) -> str:
    """Return the whole name of a design."""
    return label("design" if estimator in LABELS["design"] else "estimator", estimator)


def explain_loss(flow: str, stage: str, reason: str) -> str:
    """Return why people were left out at a step, without codes; the claim's last step only names who remains."""
    if flow == "claim" and reason == "the cohort of the published claim":
        return "nobody else is left out: these are the clients of the claim"
    return reason.removesuffix(" (untriggered)").replace("a client_id", "another number")


def label_lag(covariate: str) -> str:
    """Return a covariate's name in words: `n_lag_2_3` is contacts 2 to 3 months before."""
    parts = covariate.split("_")
    if covariate.startswith(("n_lag_", "log_lag_", "lag_")) and parts[-2:][0].isdigit() and parts[-1].isdigit():
        first, last = parts[-2:]
        span = f"month {first}" if first == last else f"months {first} to {last}"
        return f"Contacts, {span} before"
    known = {
        "days_since_contact": "Days since the last contact",
        "share_caller": "Share of contacts as caller",
        "share_101": "Share of contacts by 101",
        "age": "Age",
        "index_month": "Month of time zero",
        "n_recent": "Contacts, all trigger months",
        "n_last_days": "Contacts, last days",
        "age_missing": "Age missing",
    }
    name, _, value = covariate.partition("_" if covariate.startswith(("sex_", "area_")) else "=")
    words = known.get(name, name.replace("_", " ").strip().capitalize())
    value = {"F": "women", "M": "men", "X": "another, or not said"}.get(value, value) if name == "sex" else value
    return f"{words}: {value}" if value else words
