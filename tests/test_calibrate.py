"""The audit: worlds do what their switches say, truth is that of paired outcomes, a stop loses nothing, sums are right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.audit import assemble, run_replicate, summarise
from pipeline.audit_worlds import World, draw_sample, list_worlds, no_effect
from pipeline.calibrate import IN_FULL, main, plan_batches, read_batches, read_share
from pipeline.effect import fit_effects
from pipeline.errors import InputError

# Two Monte Carlo errors of the mean of eight worlds (a standard deviation of about 0.12).
WITHIN_EIGHT_WORLDS = 0.085
SMALL = World("small", n_people=2000, n_referred=300)


def of_referred(sample):
    return (sample.cohort["arm"] == "referred").to_numpy() & sample.cohort["is_triggered"].to_numpy()


def test_without_effect_both_potential_outcomes_are_the_same():
    assert draw_sample(no_effect(SMALL), 1).truth == {"referral": 0.0, "engaged": 0.0}


def test_the_truth_is_near_what_the_world_was_given_and_diluted_by_those_who_never_engage():
    truth = draw_sample(SMALL, 1).truth
    assert truth["engaged"] == pytest.approx(np.log(0.55), abs=0.15) and truth["engaged"] < truth["referral"] < 0


def test_worlds_that_differ_in_effect_share_everything_before_time_zero():
    one, other = draw_sample(SMALL, 2), draw_sample(no_effect(SMALL), 2)
    referred = of_referred(one)
    assert (one.before[referred] == other.before[of_referred(other)]).all()
    assert (one.after[referred] <= other.after[of_referred(other)]).all()


@pytest.mark.parametrize("switch, looks_like", [
    (dict(threshold=4), lambda a, b: a.before[of_referred(a), :3].sum(axis=1).min() >= 4),
    (dict(partner_share=0.5), lambda a, b: of_referred(a).sum() < 0.7 * of_referred(b).sum()),
    (dict(hidden_slope=0.8), lambda a, b: a.after[of_referred(a)].mean() > 1.2 * b.after[of_referred(b)].mean()),
    (dict(recall_after_referral=0.5), lambda a, b: a.after[of_referred(a)].sum() < 0.7 * b.after[of_referred(b)].sum()),
    (dict(recall_never_referred=0.5), lambda a, b: a.after[~of_referred(a)].mean() < b.after[~of_referred(b)].mean()),
    (dict(weeks_to_full_effect=52), lambda a, b: a.truth["engaged"] > b.truth["engaged"] + 0.1),
    (dict(engaged_slope=1.0), lambda a, b: a.after[a.cohort["is_engaged"]].mean() < 0.8 * b.after[b.cohort["is_engaged"]].mean()),
])  # fmt: skip
def test_a_switch_does_what_it_says(switch, looks_like):
    assert looks_like(draw_sample(replace(SMALL, **switch), 3), draw_sample(SMALL, 3))


def test_comparison_people_are_not_referred_by_then_and_have_a_recent_contact():
    cohort = draw_sample(SMALL, 4).cohort
    waiting = cohort[cohort["arm"] == "not_yet_referred"]
    assert (waiting["n_recent"] > 0).all()
    assert not (waiting["next_referred_on"] <= waiting["index_on"]).any()
    assert waiting["next_referred_on"].notna().any()  # whoever is referred later is not left out


def test_a_replicate_is_the_same_each_time_and_answers_with_every_estimator():
    first, again = (run_replicate(SMALL, 5, draws=10) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert first["status"].str.startswith("estimated").all()
    assert {"naive", "sequential_trials", "complier", "matched_sets", "empirical_bayes", "fixed_effects"} <= set(first["estimator"])
    assert first.set_index(["estimator", "estimand"]).loc[("naive", "engaged"), "estimate"] < -1


def test_sums_of_the_audit_are_right_by_hand():
    """Four replicates of a truth of -0.5: errors 0.1, -0.1, 0.2 and one without an estimate, which neither covers nor rejects."""
    rows = pd.DataFrame({
        "world": "w", "replicate": range(1, 5), "estimator": "e", "estimand": "referral", "truth": -0.5, "estimate": [-0.4, -0.6, -0.3, np.nan],
        "std_error": 0.1, "ci_low": [-0.6, -0.8, -0.45, np.nan], "ci_high": [-0.2, -0.4, -0.1, np.nan], "p_value": [0.01, 0.001, 0.2, np.nan], "status": "estimated",
    })  # fmt: skip
    found = summarise(rows).iloc[0]
    assert found["bias"] == pytest.approx(0.2 / 3) and found["median_bias"] == pytest.approx(0.1)
    assert found["coverage"] == 0.5 and found["rejected"] == 0.5 and found["n_estimated"] == 3
    assert found["bias_se"] == pytest.approx(np.std([0.1, -0.1, 0.2], ddof=1) / np.sqrt(3))
    assert found["coverage_se"] > 0


def test_a_start_does_only_what_is_missing_and_shares_cover_everything_once():
    worlds = list(list_worlds().values())[:2]
    done = pd.DataFrame({"world": [worlds[0].name] * 3, "replicate": [1, 2, 9], "estimator": IN_FULL})
    batches = [batch for share in ((1, 2), (2, 2)) for batch in plan_batches(worlds, done, 10, 14, share)]
    planned = [(world.name, one, batch.primary_only) for batch in batches for world in batch.worlds for one in batch.replicates]
    assert len(planned) == len(set(planned)) == 2 * 14 - 3
    assert not {(worlds[0].name, one) for one in (1, 2, 9)} & {entry[:2] for entry in planned}
    assert {one for _, one, only in planned if only} == {11, 12, 13, 14}
    # A replicate of the primary alone does not stand for all estimators.
    primary = done.assign(estimator="complier")
    assert sum(len(batch.replicates) * len(batch.worlds) for batch in plan_batches(worlds, primary, 10, 10, (1, 1))) == 20


def test_an_audit_that_was_stopped_goes_on(tmp_path, monkeypatch):
    import pipeline.calibrate as command

    monkeypatch.setattr(command, "list_worlds", lambda: {"small": SMALL})
    arguments = ["--folder", str(tmp_path), "--processes", "1", "--draws", "5", "--primary", "3"]
    main([*arguments, "--replicates", "2"])
    before = read_batches(tmp_path)
    (tmp_path / "primary_00004_00005_0.parquet.unfinished").write_text("a batch that a stop cut short")
    main([*arguments[:-1], "4", "--replicates", "2"])
    after = read_batches(tmp_path)
    assert sorted(after["replicate"].unique()) == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(after[after["replicate"] <= 3].reset_index(drop=True), before)
    assert pd.read_csv(tmp_path / "summary.csv")["n_replicates"].max() == 4
    # Four designs of the effect of referral, each with each; both answer in the two replicates with every estimator.
    assert pd.read_csv(tmp_path / "pairs.csv")["n_replicates"].tolist() == [2] * 6


def test_a_referral_after_a_bad_week_is_no_trap():
    """Referral turns on the last week alone, no effect; seeds 1 to 8. Without the last days held equal the mean error was 0.17."""
    world = no_effect(list_worlds()["trigger within the week"])
    errors = []
    for seed in range(1, 9):
        trials, _ = assemble(draw_sample(world, seed))
        errors.append(fit_effects(trials, with_groups=False).ratios.referral["n_contacts"])
    assert abs(np.mean(errors)) < WITHIN_EIGHT_WORLDS


def test_a_mistaken_world_or_share_is_refused():
    with pytest.raises(InputError, match="Choose from: short bursts"):
        main(["--worlds", "nowhere"])
    with pytest.raises(InputError, match="is no share"):
        read_share("3/2")


def test_trials_of_the_audit_are_those_of_the_pipeline():
    trials, kept = assemble(draw_sample(SMALL, 6))
    assert trials.design[:, 0] == pytest.approx(1.0) and "calendar" in trials.columns and any(name.startswith("log_lag") for name in trials.columns)
    assert len(trials.trial_id) == kept.sum()
