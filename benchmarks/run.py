"""Measures what the README quotes: `make benchmark` writes benchmarks/results.md.

Everything runs in a copy of the committed project in a temporary folder, so that nobody's results are touched.
"""

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).parent.parent
FORCE_SIZE = 1_500_000
PEAK = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"


def timed(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Run `command` in `folder`; return its seconds, the GiB of its largest process and what it printed."""
    started = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", PEAK, *command], cwd=folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(folder)})
    seconds = time.perf_counter() - started
    if run.returncode:
        sys.exit(f"{' '.join(command)} failed.\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    peak = int(re.findall(r"PEAK (\d+)", run.stderr)[-1]) / (2**20 if platform.system() == "Linux" else 2**30)
    return seconds, peak, run.stdout


def dvc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def copy_project(folder: Path) -> Path:
    """Clone the committed project into `folder`."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def write_bare_notebooks(folder: Path) -> list[str]:
    """Write a twin of each notebook that holds its imports only; return their names."""
    bare = folder / "bare"
    bare.mkdir()
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        imports = [ast.unparse(node) for source in sources for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
        twin = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(imports))], metadata=notebook.metadata)
        nbformat.write(twin, bare / path.name)
    return [path.stem for path in sorted(bare.glob("*.ipynb"))]


def stages_run(printed: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", printed)


def change_params(folder: Path, section: str, name: str, value) -> None:
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params[section][name] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def measure_demonstration(folder: Path) -> list[dict]:
    """Return the timings of the demonstration: full run, bare notebooks, nothing to do, one parameter changed."""
    names = write_bare_notebooks(folder)
    timed(dvc("repro", "simulate"), folder)
    full, peak, _ = timed(dvc("repro"), folder)
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    bare = sum(timed([*papermill, f"bare/{name}.ipynb", f"bare/{name}.out.ipynb"], folder)[0] for name in names)
    again, _, printed = timed(dvc("repro"), folder)
    change_params(folder, "effect", "seed", 2)
    changed, _, printed_changed = timed(dvc("repro"), folder)
    return [
        {"what": f"full run, 01 to 06, after simulate ({full / bare:.2f} times the next row)", "seconds": full, "GiB": peak},
        {"what": f"{len(names)} notebooks that only start and import", "seconds": bare},
        {"what": f"second `dvc repro` (stages run: {len(stages_run(printed))})", "seconds": again},
        {"what": f"effect.seed changed (stages run: {', '.join(stages_run(printed_changed))})", "seconds": changed},
    ]


def measure_force(folder: Path) -> list[dict]:
    """Return the timings of a force's five years, stage by stage up to the panel."""
    change_params(folder, "simulate", "size", FORCE_SIZE)
    rows = []
    for stage in ("simulate", "01_validate", "02_link", "03_panel"):
        seconds, peak, _ = timed(dvc("repro", "--single-item", stage), folder)
        rows.append({"what": f"{FORCE_SIZE:,} contacts: {stage}", "seconds": seconds, "GiB": peak})
    rows.append({"what": f"{FORCE_SIZE:,} contacts: validate, link and panel together", "seconds": sum(row["seconds"] for row in rows[1:]), "GiB": max(row["GiB"] for row in rows[1:])})
    return rows


def main() -> None:
    temporary = Path(tempfile.mkdtemp())
    try:
        rows = measure_demonstration(copy_project(temporary / "demonstration")) + measure_force(copy_project(temporary / "force"))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    lines = [
        f"Measured on {date.today():%d %B %Y} with `make benchmark`: {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}; whole processes, memory of the largest.",
        "",
        "| what | seconds | GiB |",
        "|---|---:|---:|",
        *(f"| {row['what']} | {row['seconds']:.1f} | {row.get('GiB', ''):.1f} |" if "GiB" in row else f"| {row['what']} | {row['seconds']:.1f} | |" for row in rows),
    ]
    (ROOT / "benchmarks" / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
