"""Whoever unpacks a reviewer pack can do what its instructions say, without git."""

import re
import shutil
import subprocess
import sys

import pytest
from small_release import ROOT

from pipeline.pack import RERUN_OTHER
from pipeline.params import load_sections

INSTRUCTIONS = (ROOT / "pipeline/reviewer_pack.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", INSTRUCTIONS, flags=re.DOTALL) for line in block.splitlines()]
# A stand-in for the environment that the set-up makes: this Python's programs; DVC only says what it would run first.
PYTHON = '#!/bin/sh\nexec "{python}" "$@"\n'
DVC = '#!/bin/sh\ntest "$1" != repro || set -- "$@" --dry simulate\nexec "{python}" -m dvc "$@"\n'


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_instructions_can_be_given(command):
    program, *arguments = command.split()
    if program == "make":
        assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE) for target in arguments)
    elif program == "python":
        assert arguments[0] == "-m" and (ROOT / f"{arguments[1].replace('.', '/')}.py").is_file()
    else:
        assert program in {"cd", "diff", ".", "git", "dvc"}


def test_what_the_instructions_point_to_is_there():
    assert "### Without make, or on Windows" in (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`project/([\w./]+\.(?:md|yaml))`", INSTRUCTIONS)
    assert named and all((ROOT / name).is_file() for name in named)
    sections = load_sections()
    assert {"extracts.folder", "extracts.kind"} <= set(re.findall(r"`(\w+\.\w+)`", RERUN_OTHER)) and all(name in sections["extracts"] for name in ("folder", "kind"))


def test_the_instructions_say_that_there_is_no_licence_and_who_decides():
    assert "## Licence" in INSTRUCTIONS and "`assurance`" in INSTRUCTIONS.partition("## Licence")[2]
    assert not list(ROOT.glob("LICEN*")), "a licence was chosen: say so in the pack, in its description and in the README"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_pipeline_starts_where_there_is_no_git(new_project, tmp_path):
    project = new_project()
    # As unpacked: no .git, neither here nor above.
    folder = shutil.move(project.folder, tmp_path / "project")
    shutil.rmtree(folder / ".git")
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    for name, script in (("python", PYTHON), ("dvc", DVC)):
        (programs / name).write_text(script.format(python=sys.executable))
        (programs / name).chmod(0o755)
    (folder / ".venv/.ready").touch()
    run = subprocess.run(["make", "report"], cwd=folder, capture_output=True, text=True, env=project.environment | {"PYTHONPATH": str(folder)})
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Running stage 'simulate'" in run.stdout
