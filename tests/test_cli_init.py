"""headrace init: what it writes for what a repository holds, and that it always checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.cli import main
from compiler.commands.check import NO_TARGETS
from compiler.diagnostics import Sink
from compiler.frontends import front_end
from compiler.ir import Project
from compiler.repository import Repository

TRAIN = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--solver", choices=["sgd", "newton"], required=True)
parser.add_argument("--verbose", action="store_true")
parser.parse_args()
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "Churn of customers"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def initialised(capsys: pytest.CaptureFixture[str], **files: str) -> Project:
    """The project that init writes for these files (`__` is a slash, `_` before the end a dot)."""
    for name, text in files.items():
        path = Path(name.replace("__", "/").replace("_dot_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert main(["init"]) == 0, capsys.readouterr().err
    assert main(["check", "--strict", "--target", NO_TARGETS]) == 0, capsys.readouterr().out
    project = front_end("native").read("headrace.yaml", Repository("."), Sink())
    assert project is not None
    return project


def environment(project: Project) -> tuple[str | None, str | None]:
    (found,) = [one for one in project.environments if one.name == "py"]
    return found.python, found.installer


def test_an_empty_folder_gets_something_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    project = initialised(capsys)
    assert project.name == "Churn-of-customers"
    assert [job.name for job in project.jobs] == ["hello"]
    text = Path("headrace.yaml").read_text()
    assert all(f"\n{section}:" in text for section in ("environments", "jobs"))
    assert text.count("# ") >= 6


def test_a_manifest_that_is_there_stays(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text("mine")
    assert main(["init"]) == 1
    assert "HR5004" in capsys.readouterr().err
    assert Path("headrace.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["ame.yaml", "model/headrace.yaml", "mlreef.yaml"])
def test_manifests_of_other_dialects_and_below_stay(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A headrace.yaml in the root would speak for all, and hide what lies below."""
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).write_text("version: 1\n")
    assert main(["init"]) == 1
    assert f"{name} is a manifest already" in capsys.readouterr().err
    (here / ".gitlab-ci.yml").write_text("build: {script: [make]}\n")
    for said in ("written", "unchanged"):
        assert main(["init", "--target", "gitlab"]) == 0
        out = capsys.readouterr().out
        assert f"{name}: unchanged\n.gitlab-ci.yml: {said}\n" in out
    assert not (here / "headrace.yaml").exists()


def test_it_can_be_printed_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--stdout"]) == 0
    assert "\nversion: 1\n" in capsys.readouterr().out
    assert not Path("headrace.yaml").exists()
    assert main(["init", "gone"]) == 1


@pytest.mark.parametrize(
    ("files", "python", "installer"),
    [
        ({"uv_dot_lock": "", "pyproject_dot_toml": '[project]\nrequires-python = ">=3.11,<4"\n'}, "3.11", "uv"),
        ({"pyproject_dot_toml": "[tool.uv]\n"}, "3.12", "uv"),
        ({"pyproject_dot_toml": "[tool.poetry]\nname = 'x'\n"}, "3.12", "poetry"),
        ({"poetry_dot_lock": "", "requirements_dot_txt": "numpy\n"}, "3.12", "poetry"),
        ({"Pipfile": "", "_dot_python-version": "3.10.4\n"}, "3.10", "pipenv"),
        ({"requirements_dot_txt": "numpy\n"}, "3.12", "pip"),
        ({"environment_dot_yml": "dependencies: [numpy]\n"}, "3.12", "conda"),
        ({"environment_dot_yml": "dependencies:\n  - python=3.11\n"}, "3.11", "conda"),
        ({"conda_dot_yaml": "dependencies:\n  - 'python>=3.10,<3.12'\n"}, "3.10", "conda"),
        ({"Pipfile": '[requires]\npython_version = "3.10"\n'}, "3.10", "pipenv"),
        ({"pyproject_dot_toml": "[tool.poetry.dependencies]\npython = '^3.11'\n"}, "3.11", "poetry"),
        ({"pyproject_dot_toml": "[tool]\npoetry = 1\n[project]\nrequires-python = 3\n"}, "3.12", "poetry"),
        ({"MLproject": "name: x\n", "python_env_dot_yaml": 'python: "3.10"\n'}, "3.10", "mlflow"),
        ({"MLproject": "name: x\n"}, "3.12", "mlflow"),
        ({"pyproject_dot_toml": "[project]\nname = 'x'\n"}, "3.12", None),
        ({"pyproject_dot_toml": "not = [toml"}, "3.12", None),
    ],
)
def test_the_software_is_taken_from_the_project_s_own_files(
    files: dict[str, str], python: str, installer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert environment(initialised(capsys, **files)) == (python, installer)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pyproject_dot_toml": "[tool.uv]\n"}, "`uv lock`"),
        ({"Pipfile": ""}, "`pipenv lock`"),
        ({"uv_dot_lock": "", "pyproject_dot_toml": ""}, None),
        ({"Pipfile": "", "Pipfile_dot_lock": "{}"}, None),
        ({"requirements_dot_txt": ""}, None),
    ],
)
def test_a_lock_that_is_missing_is_asked_for(
    files: dict[str, str], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    initialised(capsys, **files)
    lines = [line for line in Path("headrace.yaml").read_text().split("\n") if "The software" in line]
    assert ["lock`" in line for line in lines] == [said is not None]
    assert said is None or said in lines[0]


def test_a_conda_file_of_another_name_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    project = initialised(capsys, conda_dot_yaml="dependencies: []\n")
    assert project.environments[0].file == "conda.yaml"


def test_a_dockerfile_is_built_and_published(capsys: pytest.CaptureFixture[str]) -> None:
    project = initialised(capsys, Dockerfile="FROM python:3.12\n")
    (image,) = [one for one in project.environments if one.name == "image"]
    assert image.build is not None
    assert image.publish is not None
    assert image.publish.repository == ("churn-of-customers",)


def test_scripts_become_steps_in_their_order_with_checked_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    project = initialised(
        capsys,
        src__evaluate_dot_py="print('no arguments')\n",
        src__train_dot_py=TRAIN,
        scripts__01_prepare_data_dot_py="import sys\nprint(sys.argv)\n",
        src__helpers_dot_py=TRAIN,
    )
    assert [(job.name, [need.job for need in job.needs]) for job in project.jobs] == [
        ("prepare", []),
        ("train", ["prepare"]),
        ("evaluate", ["train"]),
    ]
    parameters = {one.name: (one.type, one.default) for one in project.parameters}
    assert parameters == {
        "data": ("string", "CHANGE-ME"),
        "learning_rate": ("float", "0.1"),
        "epochs": ("int", "10"),
        "solver": ("choice", "sgd"),
    }
    text = Path("headrace.yaml").read_text()
    assert "entry: {script: src/train.py, with: [data, learning_rate, epochs, solver]}" in text
    assert "# src/train.py requires it" in text


@pytest.mark.parametrize("told", ['default="{{ git.commit }}"', 'choices=["a", "{{ matrix.x }}"]'])
def test_a_default_that_looks_like_a_hole_is_left_out(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = f"import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', required=True, {told})\np.parse_args()\n"
    initialised(capsys, train_dot_py=script)
    assert main(["check"]) == 0


def test_a_script_that_is_no_python_is_called_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    initialised(capsys, train_dot_py="def broken(:\n")
    assert "run: python train.py" in Path("headrace.yaml").read_text()


@pytest.mark.parametrize(("requirements", "tool"), [("papermill\n", "papermill"), ("jupyter\n", "nbconvert")])
def test_notebooks_are_run(requirements: str, tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    project = initialised(capsys, requirements_dot_txt=requirements, notebooks__explore_dot_ipynb="{}")
    assert [job.name for job in project.jobs] == ["explore"]
    assert tool in Path("headrace.yaml").read_text()


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        ({}, "python -m pip install nbconvert ipykernel"),
        ({"requirements_dot_txt": "numpy\n"}, "python -m pip install nbconvert ipykernel"),
        ({"uv_dot_lock": "", "pyproject_dot_toml": "", "train_dot_py": "1"}, "uv pip install nbconvert ipykernel"),
    ],
    ids=["nothing", "pip", "uv"],
)
def test_what_runs_notebooks_is_installed(
    files: dict[str, str], setup: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project = initialised(capsys, **files, explore_dot_ipynb="{}")
    job = project.jobs[-1]
    (made,) = (one for one in project.environments if one.name == job.environment)
    assert (job.name, made.name) == ("explore", "notebooks" if "train_dot_py" in files else "py")
    assert made.setup == ((setup,),)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(
                ["train.py", "pyproject.toml", "requirements.txt", "uv.lock", ".python-version", "Dockerfile"]
            ),
            st.text("abz_-.{}$' #:🚂", min_size=1, max_size=12).map(lambda name: name + ".ipynb"),
        ),
        st.one_of(st.just(TRAIN.encode()), st.binary(max_size=60)),
        max_size=4,
    ),
    st.text("ab-_ .'\"#:{}🚂", min_size=1, max_size=12).filter(lambda name: name.strip(".") != ""),
)
def test_whatever_lies_there_the_manifest_checks(files: dict[str, bytes], name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as above:
        folder = Path(above, name)
        folder.mkdir()
        for path, data in files.items():
            folder.joinpath(path).write_bytes(data)
        assert main(["init", str(folder)]) == 0
        assert main(["check", str(folder), "--target", NO_TARGETS]) == 0
