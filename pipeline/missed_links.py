"""What links that nobody sees could do: a bound for the pairs below the floor, and the loss of recall that would overturn the result.

Draws of identities know the doubt about pairs above the floor only. Below it lies what the model holds for two people;
how often it is wrong there is read off the pairs in which both have a nominal id. Builds on pipeline.intervals.

If only a share 1 - l of what the referred did after referral were found, their true contacts were E / (1 - l) and
N / (1 - l), and with A0 as in pipeline.effect

    IRR(l) = E x / (A0 - N x / theta),   x = 1 / (1 - l),

so the loss that brings IRR(l) to a value c is that of x = c A0 / (E + c N / theta). For c = 1 and theta = 1 it is one
less the IRR of referral.
"""

import numpy as np
import pandas as pd

from pipeline.intervals import wilson_interval

BOUND_COLUMNS = [
    "arm", "n_pairs_below", "expected_matches", "n_labelled", "share_same", "share_same_at_most", "n_contacts", "missed_at_most", "loss_at_most", "log_shift_at_most",
]  # fmt: skip
OVERTURN_COLUMNS = ["what", "recall_loss", "ci_low", "ci_high"]
ESTIMATE, NEARER_END, MEASURED = "moves the estimate to 1", "moves the nearer end of the interval to 1", "measured by nominal ids"


def bound_missed(below_floor: pd.DataFrame, blind_scored: pd.DataFrame, identities: pd.DataFrame, links: pd.DataFrame, persons: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Return the table missed_links: per arm how many contacts the pairs below the floor can hide at most.

    `below_floor` as from `scoring.score_identities` (n_pairs, expected_matches by the model); `blind_scored` are all pairs of
    people with a nominal id and those near them, scored without it. share_same is the share of one person's pairs among
    those below the floor in which both have an id (n_labelled), share_same_at_most the upper end of its 95 % interval.
    missed_at_most: that share of all pairs below the floor, each counted as one identity's contacts that no other
    pair finds, dealt to the arms by their contacts; loss_at_most: as a share of the arm's contacts with them;
    log_shift_at_most: what that loss does to the log IRR of referral if it falls on this arm after time zero and on the
    other not at all. Missing without labelled pairs.
    """
    nominal = identities.set_index("identity_id")["nominal_id"]
    low = blind_scored[blind_scored["match_weight"] < np.log2(floor / (1 - floor))] if floor > 0 else blind_scored.iloc[:0]
    one, other = (low[side].map(nominal) for side in ("identity_id_l", "identity_id_r"))
    known = one.notna() & other.notna()
    n_labelled, n_same = int(known.sum()), int((one[known] == other[known]).sum())
    share = n_same / n_labelled if n_labelled else np.nan
    at_most = float(wilson_interval(np.array(share), np.array(n_labelled))[1])
    n_pairs = int(below_floor["n_pairs"].iloc[0])
    missed = n_pairs * at_most * len(links) / max(len(identities), 1)
    is_client = persons["client_id"].notna()
    n_contacts = {"referred": int(persons.loc[is_client, "n_contacts"].sum()), "not_referred": int(persons.loc[~is_client, "n_contacts"].sum())}
    rows = []
    for arm, n in n_contacts.items():
        missed_here = missed * n / max(len(links), 1)
        loss = missed_here / (missed_here + n) if n else np.nan
        rows.append((arm, n_pairs, float(below_floor["expected_matches"].iloc[0]), n_labelled, share, at_most, n, missed_here, loss, (1 if arm == "referred" else -1) * -np.log1p(-loss)))
    return pd.DataFrame(rows, columns=BOUND_COLUMNS)


def loss_to_overturn(engaged: float, never_engaged: float, without_referral: float, log_irr_wanted: float, unengaged_irr: float = 1.0) -> float:
    """Return the loss of recall after referral, in the referred alone, at which the complier log IRR would be `log_irr_wanted`.

    `engaged`, `never_engaged` and `without_referral` are E, N and A0 as found. Nought where it is there already.
    """
    wanted = np.exp(log_irr_wanted)
    times = wanted * without_referral / (engaged + wanted * never_engaged / unengaged_irr)
    return float(max(0.0, 1 - 1 / times)) if times > 0 else np.nan


def losses_to_overturn(engaged: float, never_engaged: float, log_irr_referral: float, estimate: float, ci_high: float, linkage_differences: pd.DataFrame) -> pd.DataFrame:
    """Return the table recall_to_overturn: what, recall_loss (a share), ci_low, ci_high (of what was measured).

    The loss of recall after referral, in the referred alone, that would move the complier `estimate` (a log) to no effect,
    and the one that would move the nearer end of its interval there, the interval shifting as a whole; beside them
    the loss that nominal ids measure (`linkage_differences`, missing where they are too few). An estimate above 1 and an
    interval that holds 1 need no loss: nought.
    """
    without = (engaged + never_engaged) / np.exp(log_irr_referral)
    rows = [
        (ESTIMATE, loss_to_overturn(engaged, never_engaged, without, 0.0), np.nan, np.nan),
        (NEARER_END, loss_to_overturn(engaged, never_engaged, without, estimate - ci_high) if ci_high < 0 else 0.0, np.nan, np.nan),
    ]
    found = linkage_differences[(linkage_differences["measure"] == "found by details alone") & (linkage_differences["contrast"] == "difference in differences")]
    measured = found[["estimate", "ci_high", "ci_low"]].iloc[0].to_numpy(float) if len(found) else np.full(3, np.nan)
    return pd.DataFrame([*rows, (MEASURED, *-measured)], columns=OVERTURN_COLUMNS)
