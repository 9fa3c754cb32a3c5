"""Is a reviewer pack whole? Its files against its two lists of hashes. Needs the standard library only."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

METADATA, MANIFEST = "ro-crate-metadata.json", "manifest-sha256.txt"
Findings = tuple[str, int, list[str]]


def read_pack(path: Path) -> dict[str, bytes]:
    """Return the files of a pack by name: of a zip, or of the folder it was unpacked into."""
    if path.is_dir():
        return {found.relative_to(path).as_posix(): found.read_bytes() for found in sorted(path.rglob("*")) if found.is_file()}
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def find_double_entries(path: Path) -> list[str]:
    """Return the names that a zip holds twice: readers of zips differ in which one they take."""
    if path.is_dir():
        return []
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        names = archive.namelist()
    return [f"{name}: stands in the zip more than once" for name in sorted(set(names)) if names.count(name) > 1]


def verify_files(contents: dict[str, bytes]) -> list[Findings]:
    """Return what was checked of the files, each as name, number of things checked and failures in words."""
    missing = [f"{name}: missing" for name in (METADATA, MANIFEST) if name not in contents]
    if missing:
        return [("lists of the pack's files", 2, missing)]
    found = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return [
        ("files against the manifest", len(found), compare(found, read_manifest(contents[MANIFEST]), {MANIFEST})),
        ("files against the RO-Crate", len(found), compare(found, read_crate(contents[METADATA]), {MANIFEST, METADATA})),
    ]


def compare(found: dict[str, str], listed: dict[str, str], unlisted: set[str]) -> list[str]:
    """Return in words which files are missing, changed or added; `unlisted` are those that a list cannot hold."""
    return [
        *[f"{name}: missing" for name in sorted(listed.keys() - found.keys())],
        *[f"{name}: changed" for name in sorted(listed.keys() & found.keys()) if listed[name] != found[name]],
        *[f"{name}: added, in no list" for name in sorted(found.keys() - listed.keys() - unlisted)],
    ]


def read_manifest(content: bytes) -> dict[str, str]:
    """Return the SHA-256 of each file by name, as the manifest lists it."""
    lines = [line.partition("  ") for line in content.decode().splitlines() if line]
    return {name: digest for digest, _, name in lines}


def read_crate(content: bytes) -> dict[str, str]:
    """Return the SHA-256 of each file by name, as the RO-Crate lists it; a text that is no RO-Crate lists nothing."""
    try:
        graph = json.loads(content)["@graph"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {entity["@id"]: entity.get("sha256", "") for entity in graph if entity.get("@type") == "File"}
