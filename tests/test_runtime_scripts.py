"""What travels: whole, readable by old interpreters, and the same program as the source."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys

import pytest

from targets import runtime
from targets.runtime import NAMES, PARTS, compact, script
from tests.runtime_scripts import PYTHON, Job

FOLDER = os.path.dirname(runtime.__file__)


def without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def test_every_file_is_a_script_or_a_part() -> None:
    files = {name[:-3] for name in os.listdir(FOLDER) if name.endswith(".py")} - {"__init__"}
    assert files == {*NAMES, *PARTS}
    with pytest.raises(KeyError):
        script("archive")


@pytest.mark.parametrize("name", NAMES)
def test_compact_text_is_the_same_program(name: str) -> None:
    assert without_docstrings(compact(name)) == without_docstrings(script(name))
    assert '"""' not in compact(name)
    assert not [line for line in compact(name).splitlines() if not line.strip() or line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", NAMES)
def test_is_python_3_8_and_the_standard_library_alone(name: str) -> None:
    tree = ast.parse(compact(name), feature_version=(3, 8))
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").split(".")[0])
    assert roots <= sys.stdlib_module_names
    imports = [line for line in compact(name).splitlines() if line.startswith(("import ", "from "))]
    assert len(imports) == len(set(imports))


@pytest.mark.parametrize("name", NAMES)
def test_stays_small(name: str) -> None:
    assert len(compact(name)) < 22_000


@pytest.mark.parametrize("name", NAMES)
def test_no_command_goes_through_a_shell(name: str) -> None:
    for node in ast.walk(ast.parse(script(name))):
        if isinstance(node, ast.keyword):
            assert node.arg != "shell"
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("system", "popen", "getoutput")


@pytest.mark.parametrize("name", NAMES)
def test_misuse_is_status_2(name: str, tmp_path) -> None:
    assert Job(tmp_path).run(name, "--no-such-option").returncode == 2


@pytest.mark.parametrize("name", NAMES)
def test_runs_in_the_oldest_python(name: str, tmp_path) -> None:
    old = shutil.which("python3.8")
    if not old or subprocess.run([old, "-c", ""], capture_output=True).returncode:
        pytest.skip("python3.8 is not installed")
    (tmp_path / "script.py").write_text(compact(name), encoding="utf-8")
    done = subprocess.run([old, "-I", tmp_path / "script.py", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_says_which_interpreter_runs() -> None:
    done = subprocess.run(
        [PYTHON, "-c", "import sys; print(sys.version_info >= (3, 8))"], capture_output=True, text=True
    )
    assert done.stdout == "True\n"
