"""Two made-up runs that pipeline.comparison sets side by side: what they publish, and DVC's record of what their stages read."""

import report_frames

from pipeline.comparison import Run

SECTIONS = {"panel": {"months_after": 12, "lag_edges": [1, 3]}, "effect": {"seed": 1}}


def stage(parameters, **hashes):
    """A stage as dvc.lock records it."""
    return {"deps": [{"path": path.replace("__", "/").replace("_dot_", "."), "md5": md5} for path, md5 in hashes.items()], "params": {"params.yaml": parameters}}


def run(name="old", **changes):
    tables = {name: report_frames.all_tables()[name] for name in ("effects", "claims", "decomposition", "model_checks", "link_quality")}
    stages = {
        "03_panel": stage({"panel": SECTIONS["panel"]}, pipeline__panel_dot_py="a", data__derived__links_dot_parquet="b"),
        "04_effect": stage({"effect": SECTIONS["effect"]}, pipeline__effect_dot_py="c", data__derived__panel_dot_parquet="d"),
    }
    metrics = {"n_people_analysis": 1015, "n_people_claim": 395, "complier_irr": 0.58}
    return Run(name, SECTIONS, stages, tables, metrics)._replace(**changes)


def shifted():
    """A run of six months: the effect of referral moves within its interval, that of engaging beyond; a check turns; five people more."""
    tables = {name: table.copy() for name, table in run().tables.items()}
    effects = tables["effects"]
    for estimator, estimand, by in (("sequential_trials", "referral", -0.1), ("complier", "engaged", -0.5)):
        rows = effects["estimator"].eq(estimator) & effects["estimand"].eq(estimand) & effects["outcome"].eq("n_contacts")
        effects.loc[rows, ["estimate", "ci_low", "ci_high"]] += by
    tables["effects"] = effects[effects["estimator"].ne("lagged_outcome")]
    tables["model_checks"].loc[tables["model_checks"]["check"].eq("pre-trend"), ["value", "passed"]] = [0.01, False]
    stages = {
        "03_panel": stage({"panel": {"months_after": 6, "lag_edges": [1, 3]}}, pipeline__panel_dot_py="a", data__derived__links_dot_parquet="b"),
        "04_effect": stage({"effect": SECTIONS["effect"]}, pipeline__effect_dot_py="new", data__derived__panel_dot_parquet="new"),
    }
    sections = {"panel": {"months_after": 6, "lag_edges": [1, 3]}, "effect": {"seed": 1}, "record": {"team": ""}}
    return Run("six-months", sections, stages, tables, {"n_people_analysis": 1020, "n_people_claim": 350})
