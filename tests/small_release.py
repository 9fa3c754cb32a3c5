"""A small project with a made-up release, under version control: what a reviewer pack is made of, a few numbers long."""

import hashlib
import io
import json
import math
import shutil
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import yaml

from pipeline.pack import write_zip
from pipeline.pack_crate import write_crate, write_manifest

ROOT = Path(__file__).parent.parent
METADATA, MANIFEST = "ro-crate-metadata.json", "manifest-sha256.txt"
SECRET = {"client_id": "C00017", "forename": "HEPHZIBAH", "surname": "QUATTLEBAUM", "date_of_birth": pd.Timestamp("1961-02-03"), "phone": "07700900123", "address": "12 NORTH RD", "postcode": "DL9 8ZQ"}
# Log ratio, error and interval of being referred and of engaging: estimate +- 1.96 errors, by hand.
ESTIMATES = [("sequential_trials", "referral", -0.40, 0.10), ("complier", "engaged", -0.80, 0.15)]


def effects() -> pd.DataFrame:
    """Two estimates from 1,000 contacts, percentages and contacts averted worked out from the four digits shown."""
    rows = []
    for estimator, estimand, estimate, error in ESTIMATES:
        low, high = round(estimate - 1.96 * error, 4), round(estimate + 1.96 * error, 4)
        rows.append({
            "outcome": "n_contacts", "comparison": "not_yet_referred", "estimator": estimator, "estimand": estimand, "estimate": estimate, "std_error": error, "ci_low": low, "ci_high": high,
            "n_people": 400, "n_counted": 1000, **{name: round(100 * math.expm1(value), 4) for name, value in (("percent_change", estimate), ("percent_change_low", low), ("percent_change_high", high))},
            **{name: 5 * round(1000 * math.expm1(-value) / 5) for name, value in (("n_averted", estimate), ("n_averted_low", high), ("n_averted_high", low))},
        })  # fmt: skip
    return pd.DataFrame(rows)


def tables() -> dict[str, pd.DataFrame]:
    """The controlled tables of the release."""
    found = effects()
    left = [round(-found.loc[1, name], 1) for name in ("percent_change", "percent_change_high", "percent_change_low")]
    claims = [("fall in demand", 81.0, 80.0, *left), ("did not call", 50.0, 50.0, 6.0, 1.0, 11.0), ("clients", 397.0, 400.0, None, None, None)]
    flow = [("analysis", 1, "referred", 500, None), ("analysis", 2, "linked", 450, 50), ("analysis", 3, "analysed", 400, 50)]
    parts = [("naive fall", 0, 8.06, 80.55, 1.0), ("calendar", 1, 1.01, 10.11, 0.11), ("regression to the mean", 2, 4.53, 45.22, 0.52), ("scheme", 3, 2.52, 25.22, 0.37)]
    return {
        "effects": found,
        "claims": pd.DataFrame(claims, columns=["claim", "published", "reproduced", "controlled", "ci_low", "ci_high"]),
        "attrition": pd.DataFrame(flow, columns=["flow", "step", "stage", "n_people", "n_lost"]),
        "decomposition": pd.DataFrame(parts, columns=["part", "position", "contacts_per_client", "percentage_points", "log_share"]),
        "parameters": pd.DataFrame(
            [("report.scheme", "Small Scheme"), ("extracts.folder", "data/raw/demo"), ("panel.months_after", "12"), ("disclosure.threshold", "10"), ("disclosure.rounding", "5"), ("effect.confidence", "0.95")],
            columns=["parameter", "value"],
        ),
    }


def page(found: pd.DataFrame) -> str:
    """A report that shows the effects, one sentence and the parts."""
    rows = "".join(
        f"<tr><th scope='row'>{row.estimand}</th><td>{math.exp(row.estimate):.2f}</td><td>{math.exp(row.ci_low):.2f} to {math.exp(row.ci_high):.2f}</td><td>{row.percent_change:.0f}%</td><td>{row.n_averted:,}</td></tr>"
        for row in found.itertuples()
    ).replace("<td>-", "<td>\u2212")
    engaged = found.iloc[1]
    answer = f"In the 12 months after referral clients had {-engaged.percent_change:.0f}% fewer contacts (interval: {-engaged.percent_change_low:.0f}% fewer to {-engaged.percent_change_high:.0f}% fewer)."
    return f"<html><body><h1>Evaluation</h1><p>{answer}</p><table id='tbl-effects'><thead><tr><th>Estimate</th><th>Ratio</th><th>Interval</th><th>Change</th><th>Averted</th></tr></thead><tbody>{rows}</tbody></table></body></html>"


def make_project(folder: Path) -> Path:
    """Return a project in `folder` with its release, the tables with persons, the simulated extracts and a commit."""
    for name, table in tables().items():
        write(folder / f"reports/tables/{name}.csv", table.to_csv(index=False).encode())
    write(folder / "reports/evaluation.html", page(effects()).encode())
    write(folder / "reports/evaluation.pdf", b"%PDF-1.7\n<< /Title (Evaluation) >>")
    write(folder / "reports/metrics.json", json.dumps({"complier_irr": round(math.exp(-0.80), 4)}).encode())
    write(folder / "reports/figures/effects.png", b"\x89PNG\r\n\x1a\n")
    write(folder / "reports/notebooks/04_effect.ipynb", b'{"cells": []}')
    write(folder / "params.yaml", b"extracts: {folder: data/raw/demo}\n")
    write(folder / "notebooks/04_effect.ipynb", b'{"cells": []}')
    write(folder / "dvc.yaml", b"stages: {}\n")
    write(folder / ".gitignore", b"/reports/\n/data/raw/\n/data/derived/\n")
    write(folder / "data/raw/demo/contacts.csv", b"contact_id,surname\nK00000001,MADEUP\n")
    for path in [*(ROOT / "pipeline").glob("verify_*.py"), ROOT / "pipeline/__init__.py"]:
        write(folder / "pipeline" / path.name, path.read_bytes())
    derived = folder / "data/derived"
    derived.mkdir(parents=True)
    pd.DataFrame([SECRET]).to_parquet(derived / "referrals.parquet", index=False)
    record_run(folder)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", *who, "commit", "--quiet", "-m", "A release", "--date", "2020-01-02T03:04:05"], cwd=folder, check=True, env={"GIT_COMMITTER_DATE": "2020-01-02T03:04:05", "PATH": shutil.os.environ["PATH"]})
    return folder


def record_run(folder: Path) -> None:
    """Write dvc.lock as DVC would: the hashes of what was read and made."""
    def entries(*names):
        return [{"path": name, "md5": hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()} for name in names]

    stages = {"simulate": {"outs": entries("data/raw/demo/contacts.csv")}, "06_report": {"deps": entries("params.yaml"), "outs": entries("reports/evaluation.html", "reports/metrics.json")}}
    write(folder / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}).encode())


def write(path: Path, content: bytes) -> None:
    """Write a file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def unpack(pack: bytes) -> dict[str, bytes]:
    """The files of a pack by name."""
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(contents: dict[str, bytes]) -> bytes:
    """A pack of changed `contents` with fresh lists of hashes, as somebody would make it who wants to deceive."""
    plain = {name: content for name, content in contents.items() if name not in (METADATA, MANIFEST)}
    plain[METADATA] = write_crate(plain, "Evaluation of Small Scheme", "0", "2020-01-02").encode()
    plain[MANIFEST] = write_manifest(plain).encode()
    return write_zip(plain)
