"""How long a Poisson model with person and month effects takes: `python -m benchmarks.fixed_effects`.

pyfixest, which the pipeline uses, on a million person-months and on a small panel; beside it, on the small panel,
statsmodels and R's glm with a dummy for every person and month, which cannot do the large one: 14,000 columns on a million rows are 100 GiB. All
estimate the same coefficient. Also the staggered estimators of the pipeline on a rollout among 7,785 people over 72
months. Without Rscript the row of R says so. Results: benchmarks/fixed_effects.csv.
"""

import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

OUT = Path(__file__).parent / "fixed_effects.csv"
# A tenth of the people have no count and are left out, which leaves a million person-months.
LARGE, SMALL = (15_500, 72), (500, 36)
ROLLOUT = (7_785, 72)
LOG_RATIO = -0.2
R_SCRIPT = """
table <- read.csv(commandArgs(trailingOnly = TRUE)[1])
seconds <- system.time(fit <- glm(counted ~ treated + factor(person) + factor(month), poisson, table, control = list(epsilon = 1e-12)))["elapsed"]
cat(seconds, sprintf("%.10f", coef(fit)["treated"]))
"""


def simulate(n_people: int, n_months: int, seed: int = 1) -> pd.DataFrame:
    """Return person-months of a rollout in random order with true log ratio LOG_RATIO; people without a count are left out, as they say nothing."""
    rng = np.random.default_rng(seed)
    start = rng.integers(12, n_months + 1, n_people)
    treated = np.arange(n_months)[None, :] >= start[:, None]
    rate = rng.gamma(0.8, 0.25, n_people)[:, None] * (1 + 0.2 * np.sin(np.arange(n_months) / 6)) * np.exp(LOG_RATIO * treated)
    counted = rng.poisson(rate)
    seen = counted.sum(axis=1) > 0
    n = seen.sum()
    return pd.DataFrame({
        "person": np.repeat(np.arange(n), n_months), "month": np.tile(np.arange(n_months), n), "treated": treated[seen].ravel().astype(float), "counted": counted[seen].ravel().astype(float),
        "start": np.repeat(start[seen], n_months),
    })  # fmt: skip


def by_pyfixest(table: pd.DataFrame) -> tuple[float, float]:
    """Return seconds and coefficient of pyfixest's fixed-effects Poisson, errors clustered by person."""
    import pyfixest as pf

    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pf.fepois("counted ~ treated | person + month", table, vcov={"CRV1": "person"}, iwls_tol=1e-12, separation_check=[])
    return time.perf_counter() - began, float(fit.coef()["treated"])


def by_statsmodels(table: pd.DataFrame) -> tuple[float, float]:
    """Return seconds and coefficient of statsmodels' GLM with a dummy for every person and month."""
    import statsmodels.api as sm

    began = time.perf_counter()
    dummies = [pd.get_dummies(table[name], prefix=name, drop_first=True, dtype=float) for name in ("person", "month")]
    design = pd.concat([table[["treated"]], *dummies], axis=1).assign(constant=1.0)
    fit = sm.GLM(table["counted"], design, family=sm.families.Poisson()).fit(tol=1e-12, maxiter=100)
    return time.perf_counter() - began, float(fit.params["treated"])


def by_r(table: pd.DataFrame) -> tuple[float, float] | None:
    """Return seconds and coefficient of R's glm with the same dummies, or None without Rscript."""
    if not shutil.which("Rscript"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "table.csv", index=False)
        (Path(folder) / "fit.R").write_text(R_SCRIPT, encoding="utf-8")
        out = subprocess.run(["Rscript", "--vanilla", Path(folder) / "fit.R", Path(folder) / "table.csv"], capture_output=True, text=True, check=True).stdout
    seconds, coefficient = map(float, out.split()[-2:])
    return seconds, coefficient


def by_staggered(table: pd.DataFrame) -> tuple[float, float]:
    """Return seconds of all staggered estimators of the pipeline, event times included, and the log ratio of sums."""
    from pipeline.staggered_effects import estimate_staggered

    months = pd.date_range("2011-01-01", periods=table["month"].max() + 1, freq="MS")
    starts = np.where(table["start"] < len(months), table["start"], -1)
    panel = pd.DataFrame({
        "person_id": table["person"].astype(str), "index_month": pd.Series(months).reindex(starts).to_numpy(), "month": months[table["month"]],
        "exposure_days": months[table["month"]].days_in_month.astype(float), "n_contacts": table["counted"],
    })  # fmt: skip
    began = time.perf_counter()
    study, settings = SimpleNamespace(contacts_from=months[0], contacts_to=months[-1]), SimpleNamespace(unit="month", people_per_start=1, block_months=6)
    found = estimate_staggered(panel, study, settings, 0.95).query("estimator == 'extended_twfe' and aggregation == 'simple'")
    return time.perf_counter() - began, float(found["estimate"].iloc[0])


def main() -> None:
    """Run every comparison and write the table."""
    rows = []
    for what, (people, months), method in [
        ("pyfixest, first call of a process, which loads and compiles it", SMALL, by_pyfixest), ("pyfixest", SMALL, by_pyfixest), ("statsmodels, dummies", SMALL, by_statsmodels), ("R glm, dummies", SMALL, by_r), ("pyfixest", LARGE, by_pyfixest),
        ("staggered estimators of the pipeline, one outcome", ROLLOUT, by_staggered),
    ]:  # fmt: skip
        table = simulate(people, months)
        found = method(table)
        seconds, coefficient = found if found else (np.nan, np.nan)
        rows.append({"method": what if found else f"{what}: no Rscript here", "n_people": table["person"].nunique(), "n_person_months": len(table), "seconds": round(seconds, 2), "log_ratio": round(coefficient, 8)})
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
