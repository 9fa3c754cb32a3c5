"""The reviewer pack's description as an RO-Crate (Soiland-Reyes et al. 2022), written by the rocrate library.

Every file is an entity with its size, format, SHA-256 and one sentence; the run is a CreateAction from parameters and
code to the release. Nothing in it depends on the clock or the machine, so that the same files give the same bytes.
"""

import hashlib
import json
import mimetypes
from fnmatch import fnmatchcase

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

RELEASE, PROJECT = "release", "project"
# The first description whose pattern fits a file's name in the pack is its own.
DESCRIPTIONS = [
    ("release/evaluation.html", "The report as one self-contained page."),
    ("release/evaluation.pdf", "The report as a tagged PDF."),
    ("release/metrics.json", "The few numbers by which two runs are told apart."),
    ("release/tables/*.csv", "A controlled table: counts below the threshold suppressed, the others rounded."),
    ("release/figures/*.png", "A figure, drawn from the controlled tables."),
    ("release/notebooks/*.ipynb", "A stage's notebook as it was executed; it shows controlled tables only."),
    ("release/*", "Part of the release."),
    ("project/params.yaml", "Every choice an analyst may make, with its value in this run."),
    ("project/dvc.yaml", "The flow: what each stage reads, needs and makes."),
    ("project/dvc.lock", "The hash of everything that each stage read and made in this run."),
    ("project/requirements.lock", "Every package with its version and hash."),
    ("project/expectations/*", "The contract of one table: rule, reason and severity."),
    ("project/data/reference/checklists/*", "A checklist; every tick points to its evidence."),
    ("project/data/reference/*", "A lookup or the result of the method's audit."),
    ("project/data/raw/demo/*", "A simulated extract of the demonstration: nobody in it exists."),
    ("project/notebooks/*", "A stage's notebook, not executed."),
    ("project/pipeline/*", "The pipeline's code."),
    ("project/tests/*", "A test of the pipeline."),
    ("project/*", "Part of the project as it is under version control."),
]
VERSION = "1.2"
NO_LICENCE = "Whoever owns the project decides: ask the commissioner, named under assurance in project/params.yaml, before passing the pack on, changing or reusing it."
FORMATS = {".ipynb": "application/x-ipynb+json", ".md": "text/markdown", ".yaml": "application/yaml", ".lock": "text/plain", ".py": "text/x-python", ".j2": "text/plain"}


def describe_file(name: str) -> str:
    """Return in one sentence what the file `name` of the pack is."""
    return next((words for pattern, words in DESCRIPTIONS if fnmatchcase(name, pattern)), "Says what this pack holds and how to use it.")


def name_format(name: str) -> str:
    """Return the media type of a file by the end of its name."""
    ending = "." + name.rpartition(".")[2]
    return FORMATS.get(ending) or mimetypes.guess_type(name)[0] or "text/plain"


def write_manifest(contents: dict[str, bytes]) -> str:
    """Return one line per file, SHA-256 and name, as `sha256sum --check` reads it."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(contents.items()))


def write_crate(contents: dict[str, bytes], title: str, commit: str, made_on: str) -> str:
    """Return ro-crate-metadata.json for the files in `contents`; `made_on` is the day of the commit, an ISO date."""
    crate = ROCrate(version=VERSION)
    root = crate.root_dataset
    root["name"] = f"Reviewer pack: {title}"
    root["description"] = (
        "The report with its controlled tables, figures and executed notebooks (release/), and the project that made it, with the simulated extracts of the "
        "demonstration (project/). Holds no personal data. README.md says how to rerun the method and how to recompute the derived numbers."
    )
    root["datePublished"] = made_on
    root["version"] = commit
    # RO-Crate asks for a licence; none has been given to this work, and the pack must not invent one.
    root["license"] = crate.add(ContextEntity(crate, "#licence", properties={"@type": "CreativeWork", "name": "No licence has been chosen yet", "description": NO_LICENCE}))
    for folder, words in ((RELEASE, "The release, as published."), (PROJECT, "The source, the record of the run and the simulated extracts.")):
        crate.add_dataset(dest_path=f"{folder}/", properties={"name": folder, "description": words})
    for name, content in sorted(contents.items()):
        crate.add_file(dest_path=name, properties={
            "name": name, "description": describe_file(name), "encodingFormat": name_format(name),
            "contentSize": str(len(content)), "sha256": hashlib.sha256(content).hexdigest(),
        })
    crate.add(ContextEntity(crate, "#run", properties={
        "@type": "CreateAction", "name": "The run that made the release", "description": f"Commit {commit}.",
        "instrument": {"@id": f"{PROJECT}/dvc.yaml"}, "object": [{"@id": f"{PROJECT}/params.yaml"}, {"@id": f"{PROJECT}/dvc.lock"}], "result": {"@id": f"{RELEASE}/"},
    }))
    root["mentions"] = [{"@id": "#run"}]
    return json.dumps(crate.metadata.generate(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
