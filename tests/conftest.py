"""A project of their own for tests that run stages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import pipeline  # noqa: F401 - sets linear algebra to one thread, which a test that imports numpy first would miss

ROOT = Path(__file__).parent.parent


class Project:
    """A copy of this project in a folder of its own, under git, in which stages can run."""

    def __init__(self, folder: Path):
        self.folder = folder
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        self.git("init", "--quiet")
        self.commit("A copy for tests")

    @property
    def environment(self) -> dict[str, str]:
        """This Python's programs first on the path, and the copy's pipeline before the installed one."""
        scripts = str(Path(sys.executable).parent)
        return os.environ | {"PYTHONPATH": str(self.folder), "PATH": os.pathsep.join([scripts, os.environ["PATH"]])}

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        """Run a command of this Python's environment in the copy."""
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=self.environment, **options)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org", "-c", "core.autocrlf=false"]
        return self.run("git", *identity, *arguments, check=True).stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def set_param(self, section: str, name: str, value) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        params.setdefault(section, {})[name] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def files(self, relative: str) -> dict[str, bytes]:
        """Return every file below a folder of the copy with its bytes."""
        folder = self.folder / relative
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """Return a function that makes another copy of the project."""
    return lambda: Project(tmp_path_factory.mktemp("project"))
