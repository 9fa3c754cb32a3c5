"""pyproject.toml, requirements.lock and environment.yml must describe one environment."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PINS = [Requirement(line.rstrip(" \\")) for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]


SPARK_LOCK = (ROOT / "requirements-spark.lock").read_text(encoding="utf-8")


def direct_dependencies(*left_out):
    extras = [texts for name, texts in PROJECT["optional-dependencies"].items() if name not in left_out]
    return [Requirement(text) for text in PROJECT["dependencies"] + [text for extra in extras for text in extra]]


def blocks(lock):
    """Each entry of a lock: a pin with its hashes, as text."""
    return [block.rstrip() for block in re.split(r"\n(?=\S)", lock.strip())]


def package(block):
    return normalised(re.match(r"[\w.-]+", block)[0])


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_direct_dependency_is_locked():
    locked = {normalised(pin.name) for pin in PINS}
    assert not {normalised(requirement.name) for requirement in direct_dependencies("spark")} - locked


def test_the_lock_with_spark_is_the_lock_and_what_spark_brings():
    """So what runs beside Spark is, hash for hash, what runs without."""
    added = [block for block in blocks(SPARK_LOCK) if block not in blocks(LOCK)]
    assert not set(blocks(LOCK)) - set(blocks(SPARK_LOCK)), "Renew requirements-spark.lock after requirements.lock: the README says how."
    assert [package(block) for block in added] == ["py4j", "pyspark"]
    assert all("--hash=sha256:" in block for block in added)
    assert {normalised(requirement.name) for requirement in direct_dependencies()} <= {package(block) for block in blocks(SPARK_LOCK)}


def test_every_pin_is_exact_and_hashed():
    entries = blocks(LOCK)
    assert len(entries) == len(PINS)
    for block, pin in zip(entries, PINS):
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin.name
        assert "--hash=sha256:" in block, pin.name


def test_the_lock_names_no_address():
    assert not re.search(r"https?:|file:|--index|--find-links|--extra", LOCK + SPARK_LOCK)


def test_conda_takes_python_and_pip_from_conda_and_the_rest_from_the_lock():
    python, pip, from_pip = ENVIRONMENT["dependencies"]
    assert Requirement(python).specifier == Requirement(f"python{PROJECT['requires-python']}").specifier
    assert pip == "pip"
    assert from_pip == {"pip": ["--require-hashes", "-r requirements.lock"]}


def test_what_is_installed_is_what_is_locked():
    applicable = [pin for pin in PINS if pin.marker is None or Marker(str(pin.marker)).evaluate()]
    wrong = {pin.name: version(pin.name) for pin in applicable if not pin.specifier.contains(version(pin.name), prereleases=True)}
    assert not wrong


def test_the_readme_says_why_each_direct_dependency_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Why each dependency is there")[1]
    missing = [requirement.name for requirement in direct_dependencies() if f"`{requirement.name}`" not in table]
    assert not missing
