"""Makes the reviewer pack: `python -m pipeline.pack`, or `make pack`.

The pack is one zip that is also an RO-Crate (pipeline.pack_crate), with instructions (pipeline/reviewer_pack.md). The
same files give the same bytes. It is searched for personal details before it is written, and nothing is written when
any is found. It is no stage of dvc.yaml, because executed notebooks differ from run to run.
"""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from string import Template

import pandas as pd

from pipeline.errors import InputError, run_command
from pipeline.leak_check import find_pack_leaks
from pipeline.pack_contents import collect_contents
from pipeline.pack_crate import write_crate, write_manifest
from pipeline.provenance import find_commit
from pipeline.tables import DEMONSTRATION, project_root, replace_file

PACK = "reviewer-pack.zip"
METADATA, MANIFEST = "ro-crate-metadata.json", "manifest-sha256.txt"
# The first moment that a zip can state: a clock would change the bytes.
MOMENT = (1980, 1, 1, 0, 0, 0)
RERUN_SAME = (
    "The release in this pack is that of the demonstration, so the rerun must give the same tables: `diff -rq ../release/tables reports/tables` names none but `provenance.csv`, which holds the commit, "
    "and `plan_ledger.csv` where the parameters of the release differed from those of its commit."
)
RERUN_OTHER = (
    "The release in this pack was made from extracts that stay with the force. First set `extracts.folder` to `data/raw/demo` and `extracts.kind` to `identified` in `project/params.yaml`; the simulation follows "
    "the dates under `study` and `claim`. The rerun then shows the method at work, and `python -m pipeline.verify_pack` recomputes what the controlled tables of the real run allow."
)


def make_pack(root: Path) -> bytes:
    """Return the pack of the project at `root` as the bytes of a zip.

    Raises InputError where the release is incomplete or not that of these files, or where a personal detail is found.
    """
    contents = {name: path.read_bytes() for name, path in collect_contents(root).items()}
    parameters = pd.read_csv(io.BytesIO(contents["release/tables/parameters.csv"]), keep_default_na=False).set_index("parameter")["value"]
    title, commit = f"Evaluation of {parameters.get('report.scheme', 'a scheme')}", find_commit(root)
    is_demonstration = parameters.get("extracts.folder") == DEMONSTRATION
    readme = Template((Path(__file__).parent / "reviewer_pack.md").read_text(encoding="utf-8"))
    contents["README.md"] = readme.substitute(title=title, commit=commit, rerun=RERUN_SAME if is_demonstration else RERUN_OTHER).encode()
    contents[METADATA] = write_crate(contents, title, commit, find_day(root)).encode()
    contents[MANIFEST] = write_manifest(contents).encode()
    InputError.collect(find_pack_leaks(root, contents, is_demonstration))
    return write_zip(contents)


def find_day(root: Path) -> str:
    """Return the day of the commit that `root` is at, as an ISO date; the first of 1980 where nothing was committed yet."""
    found = subprocess.run(["git", "log", "-1", "--format=%cs"], cwd=root, capture_output=True, text=True)
    return found.stdout.strip() or "1980-01-01"


def write_zip(contents: dict[str, bytes]) -> bytes:
    """Return a zip of `contents` that depends on nothing else: sorted names, one moment, one set of rights."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, date_time=MOMENT)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def write_pack() -> None:
    """Write reviewer-pack.zip in the project's folder, whole or not at all, and say how large it is."""
    root = project_root()
    pack = make_pack(root)
    replace_file(root / PACK, lambda temporary: temporary.write_bytes(pack))
    print(f"{PACK}: {len(pack) / 1e6:.1f} MB. Check it with `python -m pipeline.verify_pack {PACK}`.")


if __name__ == "__main__":
    sys.exit(run_command(write_pack, "No pack was made.\n"))
