"""What a set of extracts says of itself: extracts.yaml, which colleagues may share, and person_key.txt, which nobody shares."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.errors import InputError
from pipeline.tables import project_root

MAPPING, PERSON_KEY = "extracts.yaml", "person_key.txt"
ENTRIES = ("simulated", "tables")
# Shorter keys could be found by trying: dvc.lock, which enters git, holds the file's MD5.
KEY_LENGTH = 32


@dataclass(frozen=True)
class ExtractFacts:
    """What a set of extracts says of itself."""

    is_simulated: bool
    person_key: str


def extracts_folder(folder: str) -> Path:
    """Return `folder` as a path; a relative one is taken from the project's folder."""
    return project_root() / folder


def load_extract_facts(folder: str) -> ExtractFacts:
    """Return whether the set in `folder` is simulated (extracts.yaml), and the key of its person ids (person_key.txt).

    Raises InputError that lists every missing, unknown or unfitting entry.
    """
    entries, problems = read_entries(folder)
    key, key_problems = read_person_key(folder, entries.get("simulated") == "true")
    InputError.collect([*problems, *key_problems])
    return ExtractFacts(is_simulated=entries["simulated"] == "true", person_key=key)


def read_entries(folder: str) -> tuple[dict, list[str]]:
    """Return the entries of extracts.yaml in `folder`, every value as the text it is written as, and what is wrong with them.

    As text, because YAML would read the codes 01, NO and 2019-03-31 as a number, a false and a date.
    """
    path, where = extracts_folder(folder) / MAPPING, f"{folder}/{MAPPING}"
    if not path.exists():
        return {}, [f"{where}: missing. Draft it with `python -m pipeline.draft_mapping {folder}`, or write one line, `simulated: false`."]
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries, tree = yaml.load(text, Loader=yaml.BaseLoader), yaml.compose(text, Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        return {}, [f"{where}{line}: cannot be read as YAML. Mend it; the README shows one."]
    entries = entries if isinstance(entries, dict) else {}
    problems = find_repeated_entries(tree, where) if entries else []
    if entries.get("simulated") not in ("true", "false"):
        problems.append(f"{where}, simulated: missing or neither true nor false. Say whether the set is simulated.")
    if "person_key" in entries:
        problems.append(f"{where}, person_key: stands in a file of its own, because a mapping is shared. Move its text to {folder}/{PERSON_KEY} and remove the line.")
    problems += [f"{where}, {key}: no such entry. Correct its name or remove it." for key in entries if key not in (*ENTRIES, "person_key")]
    return entries, problems


def find_repeated_entries(node, where: str, path: tuple[str, ...] = ()) -> list[str]:
    """Return a line for each name that stands twice in one block: YAML would silently take the last."""
    if isinstance(node, yaml.SequenceNode):
        return [problem for child in node.value for problem in find_repeated_entries(child, where, path)]
    if not isinstance(node, yaml.MappingNode):
        return []
    names = [key.value if isinstance(key, yaml.ScalarNode) else "" for key, _ in node.value]
    place = f"{where}, {'.'.join(path)}".removesuffix(", ")
    problems = [
        f"{place}: {name} is given {names.count(name)} times{', so two of their columns are mapped to one' if path[-1:] == ('columns',) else ''}. Keep one."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    return problems + [problem for name, (_, child) in zip(names, node.value) for problem in find_repeated_entries(child, where, (*path, name))]


def read_person_key(folder: str, is_simulated: bool) -> tuple[str, list[str]]:
    """Return the key in person_key.txt, and what is wrong with it; that of a simulated set guards nothing and may be short."""
    path, where = extracts_folder(folder) / PERSON_KEY, f"{folder}/{PERSON_KEY}"
    draw = f"`python -m pipeline.draft_mapping {folder}` draws one"
    if not path.exists():
        return "", [f"{where}: missing. {draw}; keep it with the extracts and share it with nobody."]
    try:
        key = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return "", [f"{where}: cannot be read as text. Remove it; then {draw}."]
    if not key or len(key) < KEY_LENGTH and not is_simulated:
        return "", [f"{where}: shorter than {KEY_LENGTH} characters, so that it could be guessed. Remove it; then {draw}."]
    return key, []
