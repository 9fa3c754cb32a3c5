"""Attrition: who was referred, who is analysed, and why the others are not.

One row per step, as in a STROBE flow diagram: the people left, and how many were lost on the way to this row for the
reason in this row, so that within a flow n_people of a row is n_people of the row above less n_lost.
"""

import pandas as pd

COLUMNS = ["flow", "step", "stage", "reason", "n_referrals", "n_people", "n_lost"]

CLAIM = [
    ("referred", "first referred within the study's dates", "is_in_study"),
    ("distinct", "the register holds the same person under a client_id referred earlier", "is_distinct"),
    ("accepted", "no referral was accepted", "is_accepted"),
    ("engaged", "no first contact with a mentor within the accounting period", "is_engaged_in_claim"),
    ("claim_period", "referred before the claim begins, or accounting period not complete by its end", "is_claim_period"),
    ("observed", "the contact extract does not cover the accounting periods", "is_observed_in_claim"),
    ("linked", "no contact with the police on record in the accounting period before", "is_linked_in_claim"),
    ("analysed", "the cohort of the published claim", "in_claim"),
]
ANALYSIS = [
    ("referred", "first referred within the study's dates", "is_in_study"),
    ("distinct", "the register holds the same person under a client_id referred earlier", "is_distinct"),
    ("observed", "the contact extract does not cover the months before and after", "is_observed"),
    ("linked", "no contact with the police on record before the referral", "is_linked"),
    ("at_risk", "dead, moved away, in custody or in hospital on the day of referral", "is_at_risk"),
    ("analysed", "no recent contact to compare on: described apart (untriggered)", "is_triggered"),
]
UPTAKE, APART = ([("accepted", f"no referral was accepted: {then}", "is_accepted"), ("engaged", f"never engaged: {then}", "is_engaged")] for then in ("stays in the analysis", "described apart"))


def attrition_table(referred: pd.DataFrame) -> pd.DataFrame:
    """Return one row per flow and step: flow, step, stage, reason, n_referrals, n_people, n_lost.

    `referred` is cohort.describe_referred. Flows: `claim` and `analysis`; `uptake` and `untriggered`, how many of those
    analysed, and of those without a recent contact to compare on, were accepted and engaged; `overlap`, how many are
    in both claim and analysis.
    """
    in_study = referred[referred["is_in_study"]]
    analysed = in_study[in_study["is_triggered"]]
    followed = in_study["is_observed"] & in_study["is_linked"] & in_study["is_at_risk"]
    untriggered = in_study[followed & ~in_study["is_recent"]]
    either = in_study[in_study["in_claim"] | in_study["is_triggered"]]
    return pd.concat([
        flow("claim", in_study, CLAIM),
        flow("analysis", in_study, ANALYSIS),
        flow("uptake", analysed, [("analysed", "everyone in the analysis", "is_in_study"), *UPTAKE]),
        flow("untriggered", untriggered, [("untriggered", "referred without a recent contact", "is_in_study"), *APART]),
        flow("overlap", either, [
            ("either", "in the claim or in the analysis", "is_in_study"),
            ("analysis", "in the claim only", "is_triggered"),
            ("both", "in the analysis only", "in_claim"),
        ]),
    ], ignore_index=True)


def attrition_of_panel(referred: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ready panel, which knows of no register: the flow `analysis`, and where it says who engaged `claim` and `uptake`.

    `referred` is ready_panel.describe_panel_people.
    """
    in_study = referred[referred["is_in_study"]]
    flows = [flow("analysis", in_study, [step for step in ANALYSIS if step[2] in in_study])]
    if in_study["is_engaged"].notna().all():
        people = in_study.assign(is_engaged=in_study["is_engaged"].astype(bool))
        in_claim = [("referred", "first referred within the study's dates", "is_in_study"), ("engaged", "never engaged", "is_engaged")]
        flows.insert(0, flow("claim", people, [*in_claim, ("analysed", "outside the claim's dates, not covered by the panel, or nothing to fall", "in_claim")]))
        analysed = people[people["is_triggered"]]
        flows.append(flow("uptake", analysed, [("analysed", "everyone in the analysis", "is_in_study"), UPTAKE[1]]))
    return pd.concat(flows, ignore_index=True)


def flow(name: str, people: pd.DataFrame, steps: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Return the rows of one flow: after each step those of `people` who meet its condition and all earlier ones."""
    rows, left = [], people
    for number, (stage, reason, condition) in enumerate(steps, start=1):
        kept = left[left[condition]]
        lost = len(left) - len(kept) if number > 1 else 0
        rows.append((name, number, stage, reason, int(kept["n_referrals"].sum()), len(kept), lost))
        left = kept
    return pd.DataFrame(rows, columns=COLUMNS)
