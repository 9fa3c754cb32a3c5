"""Whoever has every published table and knows every rule cannot work out a hidden count; without the control they can.

Each attack is first shown to succeed on tables whose small counts are hidden and nothing else is done, then to fail on what is released.
"""

import io
import re
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attack import RECOVERED, ROUNDING, THRESHOLD, Puzzle, read_attrition, read_comparison, read_margins, recovered, values_left

from pipeline.difference import Version, digest_people, find_differences
from pipeline.disclosure import control_attrition, control_claims, control_counts, control_table
from pipeline.disclosure_rates import control_decomposition, control_event_study, control_unlinkables
from pipeline.doses import control_doses
from pipeline.effects_table import control_effects
from pipeline.figures import draw_before_after, finish_figure
from pipeline.intervals import wilson_interval
from pipeline.link_quality import control_quality
from pipeline.linkage_comparison import control_comparison, standardise_differences
from pipeline.subgroups import control_subgroups

ROOT = Path(__file__).parent.parent
RULES = (THRESHOLD, ROUNDING)
# 1,140 people as in the demonstration, and a cohort of 60 in which most groups are small. Seeds named before any result was seen.
SIZES = {"demonstration": (1140, 1), "tiny": (60, 2)}


def make_people(name):
    """Return people with three characteristics; three of another sex and four who sleep rough are planted."""
    n, seed = SIZES[name]
    rng = np.random.default_rng(seed)
    people = pd.DataFrame({
        "sex": rng.choice(["F", "M"], n), "age": rng.choice(["under 35", "35 to 49", "50 and more"], n, p=[0.2, 0.4, 0.4]),
        "need": rng.choice(["loneliness", "depression", "offending"], n), "is_found": rng.random(n) < 0.9,
    })  # fmt: skip
    people.loc[:2, "sex"] = "X"
    people.loc[3:6, "need"] = "homelessness"
    return people


def count_groups(people):
    """Return `subgroups` of people, exact, with everyone first."""
    counts = [("everyone", "everyone", len(people))] + [(name, level, n) for name in ("sex", "age", "need") for level, n in people[name].value_counts().items()]
    table = pd.DataFrame(counts, columns=["characteristic", "level", "n_referred"]).assign(n_comparison=4000, status="estimated", p_interaction=0.5, p_corrected=1.0)
    return table.assign(**dict.fromkeys(["estimate", "std_error", "ci_low", "ci_high"], 0.1))


def suppress_only(table, columns):
    """Return what is left where small counts are hidden and nothing else is done."""
    return table.assign(**{name: table[name].astype("Int64").where(table[name] >= THRESHOLD) for name in columns})


def attack_groups(published, everyone, rounding):
    puzzle = Puzzle(rounding)
    puzzle.count("everyone", everyone)
    return recovered(puzzle, read_margins(puzzle, published[published["characteristic"].ne("everyone")], "n_referred", "everyone"))


@pytest.mark.parametrize("name", SIZES)
def test_groups_cannot_be_worked_out_from_their_total(name):
    people = make_people(name)
    exact = count_groups(people)
    bare = attack_groups(suppress_only(exact, ["n_referred"]), len(people), rounding=1)
    assert {("n_referred", "sex", "X"), ("n_referred", "need", "homelessness")} <= set(bare)
    shown = control_subgroups(exact, *RULES)
    assert attack_groups(shown, shown["n_referred"].iloc[0], ROUNDING) == {}


def test_rounding_alone_would_not_protect_a_group_whose_neighbours_are_shown_exactly():
    # 4 + 31 + 52 = 87: with the 31 and the 52 shown, the 4 is what is left.
    table = pd.DataFrame({"characteristic": "area", "level": ["a", "b", "c"], "n_referred": [4, 31, 52]})
    assert attack_groups(suppress_only(table, ["n_referred"]), 87, rounding=1) == {("n_referred", "area", "a"): 1}
    assert attack_groups(control_table(table, 10, 5, ["n_referred"], within=["characteristic"]), 85, ROUNDING) == {}


def make_contacts(name):
    """Return contacts with a person or without; some stand alone; four without a person and three alone, of the front desk, are planted."""
    n, seed = SIZES[name]
    rng = np.random.default_rng(seed + 10)
    contacts = pd.DataFrame({"channel": rng.choice(["101", "999", "online"], 20 * n, p=[0.6, 0.35, 0.05]), "role": rng.choice(["caller", "victim"], 20 * n, p=[0.9, 0.1])})
    contacts["has_person"], contacts["is_tied"] = rng.random(20 * n) < 0.985, rng.random(20 * n) < 0.97
    contacts.loc[:199, "channel"], contacts.loc[:199, ["has_person", "is_tied"]] = "front_desk", True
    contacts.loc[:3, "has_person"], contacts.loc[4:6, "is_tied"] = False, False
    return contacts


def compare_contacts(contacts):
    """Return `linkage_comparison` of contacts, exact."""
    linked = contacts[contacts["has_person"]]
    rows = []
    for compared, table, flag in (("contacts with and without a person", contacts, "has_person"), ("contacts tied to others and standing alone", linked, "is_tied")):
        for characteristic in ("channel", "role"):
            for level, group in table.groupby(characteristic):
                rows.append((compared, characteristic, level, int(group[flag].sum()), int((~group[flag]).sum())))
    return standardise_differences(pd.DataFrame(rows, columns=["compared", "characteristic", "level", "n_linked", "n_unlinked"]))


@pytest.mark.parametrize("name", SIZES)
def test_a_count_cannot_be_worked_out_from_totals_in_another_table(name):
    exact = compare_contacts(make_contacts(name))
    bare = Puzzle(rounding=1)
    hidden = read_comparison(bare, suppress_only(exact, ["n_linked", "n_unlinked"]))
    for compared, side in ((compared, side) for compared in exact["compared"].unique() for side in ("n_linked", "n_unlinked")):
        bare.count((side, compared), exact.loc[exact["compared"].eq(compared) & exact["characteristic"].eq("role"), side].sum())
    assert ("n_unlinked", "contacts tied to others and standing alone", "channel", "front_desk") in recovered(bare, hidden)
    shown = Puzzle()
    hidden = read_comparison(shown, control_comparison(exact, *RULES))
    assert hidden and recovered(shown, hidden) == {}


def test_a_loss_cannot_be_worked_out_from_what_is_left():
    attrition = pd.DataFrame({"flow": "claim", "step": range(1, 5), "stage": list("abcd"), "n_referrals": [1402, 1203, 1199, 1190], "n_people": [1252, 1003, 1000, 995], "n_lost": [0, 249, 3, 5]})
    bare = Puzzle(rounding=1)
    assert set(recovered(bare, read_attrition(bare, suppress_only(attrition, ["n_lost"])))) == {("claim", "c", "lost"), ("claim", "d", "lost")}
    shown = Puzzle()
    assert recovered(shown, read_attrition(shown, control_attrition(attrition, *RULES))) == {}


def all_pairs(low, high):
    """Return every pair of whole numbers k from low[0] to high[0] and n from low[1] to high[1]."""
    k, n = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
    return pd.DataFrame({"k": k.ravel(), "n": n.ravel()})


@pytest.mark.parametrize("missing, n", [(49, 1265), (14, 60)])
def test_a_percentage_beside_a_rounded_count_gives_no_exact_count(missing, n):
    guesses = all_pairs((n - missing - 9, n - 4), (n - missing + 9, n + 4))
    guesses["outside"] = guesses["n"] - guesses["k"]
    truth = guesses.index[guesses["k"].eq(n - missing) & guesses["n"].eq(n)][0]
    low, high = wilson_interval(guesses["k"] / guesses["n"], guesses["n"])
    table = pd.DataFrame({"check": "link rate", "arm": "referred", "period": "all", "value": guesses["k"] / guesses["n"], "ci_low": low, "ci_high": high, "n": guesses["n"], "pass_mark": 0.5, "passed": True})
    bare = table.assign(n=control_counts(table["n"], *RULES)).round(4)
    assert len(values_left(guesses, bare, truth, "outside")) <= RECOVERED
    assert len(values_left(guesses, control_quality(table, *RULES), truth, "outside")) >= ROUNDING


@pytest.mark.parametrize("inside", [60, 57, 0, 3])
def test_a_share_on_all_but_a_few_people_says_only_that_they_are_few(inside):
    guesses = pd.DataFrame({"k": range(61)})
    table = pd.DataFrame({"check": "link rate", "arm": "referred", "period": "all", "value": guesses["k"] / 60, "ci_low": 0.1, "ci_high": 0.9, "n": 60, "pass_mark": 0.5, "passed": True})
    assert len(values_left(guesses, control_quality(table, *RULES), inside, "k")) >= THRESHOLD


def before_after(guesses):
    """Return before-and-after rows of `effects` for guesses of contacts before (n) and after (k) among 60 clients."""
    logs = np.log(guesses["k"] / guesses["n"])
    return pd.DataFrame({
        "outcome": "n_contacts", "comparison": "none", "estimator": "naive", "estimand": "before_after", "estimate": logs, "std_error": 0.2, "ci_low": logs - 0.4, "ci_high": logs + 0.4,
        "p_value": 0.0, "n_people": 60, "n_person_months": 1440.0, "status": "estimated", "includes_linkage": False, "n_counted": guesses["k"].astype(float),
    })  # fmt: skip


def test_a_ratio_of_two_sums_gives_neither_of_them():
    guesses = all_pairs((60, 350), (80, 390))
    truth = guesses.index[guesses["k"].eq(71) & guesses["n"].eq(371)][0]
    effects = before_after(guesses)
    bare = effects[["estimate"]].round(4).assign(n_counted=control_counts(guesses["k"], *RULES))
    assert len(values_left(guesses, bare, truth, "n")) <= RECOVERED
    shown = control_effects(effects, *RULES).round(4)
    assert min(len(values_left(guesses, shown, truth, what)) for what in ("k", "n")) >= ROUNDING


def test_a_ratio_that_rests_on_few_contacts_is_not_shown():
    guesses = pd.DataFrame({"k": range(1, 10), "n": 371})
    shown = control_effects(before_after(guesses), *RULES)
    assert shown[["estimate", "ci_low", "ci_high", "percent_change", "n_counted", "n_averted"]].isna().all(axis=None)
    assert shown["status"].eq("not shown: too few contacts to publish").all()


def test_the_fall_and_its_parts_give_no_sum_of_contacts():
    guesses = all_pairs((60, 350), (80, 390))
    truth = guesses.index[guesses["k"].eq(71) & guesses["n"].eq(371)][0]
    parts = [pd.DataFrame({"part": ["naive fall", "scheme"], "contacts_per_client": [(n - k) / 60, 1.0], "percentage_points": [100 * (1 - k / n), 20.0], "ci_low": 1.0, "ci_high": 99.0}) for k, n in guesses.itertuples(index=False)]
    bare = pd.DataFrame([part.round(2).iloc[0, 1:3] for part in parts]).reset_index(drop=True)
    shown = pd.DataFrame([control_decomposition(part, before_after(guesses.head(1)), 60, *RULES).iloc[0, 1:3] for part in parts]).reset_index(drop=True)
    assert len(values_left(guesses, bare, truth, "k")) <= RECOVERED
    assert min(len(values_left(guesses, shown, truth, what)) for what in ("k", "n")) >= ROUNDING
    few = pd.DataFrame({"part": ["naive fall"], "contacts_per_client": [(90 - 4) / 60], "percentage_points": [100 * (1 - 4 / 90)]})
    assert control_decomposition(few, before_after(guesses.head(1)), 60, *RULES).empty
    dominated = before_after(guesses.head(1)).assign(estimate=np.nan)
    assert control_decomposition(parts[truth], dominated, 60, *RULES).empty
    claims = pd.DataFrame({"claim": ["fall in demand", "clients"], "published": [81, 397], "reproduced": [81.3, 60.0]})
    hidden = control_effects(before_after(pd.DataFrame({"k": [4], "n": [90]})), *RULES)
    assert pd.isna(control_claims(claims, hidden, *RULES)["reproduced"].iloc[0])


def test_a_rate_times_people_times_months_gives_no_count_of_contacts():
    guesses = pd.DataFrame({"k": range(0, 60)})
    table = pd.DataFrame({"month": range(60), "arm": "referred", "n_people": 60, "contacts_per_person_month": guesses["k"] / 60, "estimate": np.log((guesses["k"] + 0.001) / 60), "std_error": 0.3, "ci_low": -2.0, "ci_high": 1.0})
    bare, shown = (frame[["n_people", "contacts_per_person_month", "estimate"]] for frame in (table.round(2), control_event_study(table, *RULES)))
    for truth in (3, 22, 41):
        assert len(values_left(guesses, bare, truth, "k")) <= RECOVERED
        assert len(values_left(guesses, shown, truth, "k")) >= ROUNDING
    assert shown["contacts_per_person_month"].iloc[:THRESHOLD].isna().all()


def test_a_mean_of_contacts_gives_no_sum_of_them_and_none_of_a_dozen_people():
    guesses = pd.DataFrame({"k": range(100, 200)})
    table = pd.DataFrame({"months_of_support": "shortest quarter", "position": 0, "median_months": 1.6, "n_people": 25, "contacts_before": guesses["k"] / 25, "contacts_after": 2.0, "share_open": np.nan})
    bare, shown = table[["contacts_before"]].round(1), control_doses(table, *RULES)[["n_people", "contacts_before"]]
    assert len(values_left(guesses, bare, 43, "k")) <= 3 < ROUNDING <= len(values_left(guesses, shown, 43, "k"))
    assert control_doses(table.assign(n_people=12), *RULES)["contacts_before"].isna().all()


def test_a_share_of_all_identities_gives_no_count_of_them():
    guesses = pd.DataFrame({"k": range(10, 60)})
    table = pd.DataFrame({"match_weight": 1.0, "n_identities": guesses["k"], "share_identities": guesses["k"] / 4000, "n_contacts": 500, "share_contacts": 0.05})
    bare = table[["share_identities"]].round(4)
    assert len(values_left(guesses, bare, 20, "k")) <= RECOVERED
    assert len(values_left(guesses, control_unlinkables(table, *RULES), 20, "k")) >= ROUNDING


def make_records(n=200, seed=3):
    """Return a cohort, a panel of a year, and the published sum of contacts and people; the first person calls far more than others."""
    rng = np.random.default_rng(seed)
    cohort = pd.DataFrame({"trial_id": range(n), "person_id": [f"P{i}" for i in range(n)], "arm": "referred", "weight": 1.0})
    panel = pd.DataFrame({"trial_id": np.repeat(range(n), 12), "month": list(range(12)) * n, "n_contacts": rng.poisson(0.3, 12 * n)})
    return cohort, panel.assign(n_contacts=panel["n_contacts"] + 7 * panel["trial_id"].eq(0))


def publish(cohort, panel):
    """Return the version that these records lead to."""
    near = panel[panel["trial_id"].isin(cohort["trial_id"])]
    exact = pd.DataFrame({"outcome": ["n_contacts"], "n_people": [len(cohort)], "n_counted": [near["n_contacts"].sum()]})
    tables = {"effects": control_table(exact, *RULES, counts=["n_people", "n_counted"])}
    return Version("first", *RULES, tables, digest_people(cohort, near))


@pytest.mark.parametrize("n_left_out, is_stopped", [(1, True), (2, True), (9, True), (25, False)])
def test_two_versions_that_would_give_a_person_away_by_subtraction_are_not_both_released(n_left_out, is_stopped):
    cohort, panel = make_records()
    old, new = publish(cohort, panel), publish(cohort.iloc[n_left_out:], panel)
    person = panel.loc[panel["trial_id"].eq(0), "n_contacts"].sum()
    difference = old.tables["effects"]["n_counted"].iloc[0] - new.tables["effects"]["n_counted"].iloc[0]
    if n_left_out == 1:
        # The attack succeeds on the two versions: the number of people did not move, and the sum did by what one person made.
        assert old.tables["effects"]["n_people"].equals(new.tables["effects"]["n_people"]) and abs(difference - person) < ROUNDING
    assert bool(find_differences(old, new, moved_share=0.5)) == is_stopped


def png_chunks(png):
    """Return kind and content of every chunk of a PNG."""
    at, chunks = 8, []
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        chunks.append((kind.decode(), png[at + 8 : at + 8 + length]))
        at += length + 12
    return chunks


def test_a_picture_holds_nothing_but_its_points_and_its_words_nothing_but_the_controlled_table():
    months = range(-3, 3)
    exact = pd.DataFrame([{"month": month, "arm": arm, "n_people": 61, "contacts_per_person_month": rate / 61, "estimate": 0.1, "std_error": 0.1, "ci_low": 0.0, "ci_high": 0.2}
                          for month in months for arm, rate in (("referred", 23 + month), ("not_yet_referred", 21))])  # fmt: skip
    controlled = control_event_study(exact, *RULES)
    picture = finish_figure("before_after", "A title", draw_before_after(controlled))
    assert {kind for kind, _ in png_chunks(picture.png)} <= {"IHDR", "IDAT", "IEND", "pHYs", "tEXt", "sRGB", "gAMA"}
    assert all(content.startswith(b"Software\0") for kind, content in png_chunks(picture.png) if kind == "tEXt")
    shown = set(controlled["contacts_per_person_month"].round(2).astype(str)) | {str(month) for month in months}
    numbers = set(re.findall(r"\d+\.\d+", picture.alt))
    assert numbers <= {f"{float(value):.{len(number.partition('.')[2])}f}" for value in shown for number in numbers}


RELEASE = ROOT / "reports" / "tables"


@pytest.mark.skipif(not (RELEASE / "linkage_comparison.csv").exists(), reason="no report was made in this folder; the made-up releases above are attacked all the same")
def test_no_hidden_count_of_the_release_in_this_folder_can_be_worked_out():
    tables = {path.stem: pd.read_csv(io.StringIO(path.read_text(encoding="utf-8"))) for path in RELEASE.glob("*.csv") if path.stat().st_size > 1}
    puzzle = Puzzle()
    hidden = read_attrition(puzzle, tables["attrition"]) | read_comparison(puzzle, tables["linkage_comparison"])
    groups, everyone = tables["subgroups"], ("analysis", "analysed")
    hidden |= read_margins(puzzle, groups[groups["characteristic"].ne("everyone")], "n_referred", everyone, rest=True)
    found = recovered(puzzle, hidden)
    assert hidden and found == {}
