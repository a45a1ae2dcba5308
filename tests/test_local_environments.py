"""Environments are made once a lock and shared, and what a job installs stays its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from compiler.ir import Environment
from targets.local import pythons
from targets.local.environments import describe
from tests.local_runs import Place

HERE = ".".join(map(str, sys.version_info[:2]))


def manifest(jobs: str, environment: str = f'{{python: "{HERE}", install: pip, file: requirements.txt}}') -> str:
    return f"version: 1\nname: demo\nenvironments: {{py: {environment}}}\ndefaults: {{environment: py}}\njobs:\n{jobs}"


def package(folder: Path, name: str, version: str) -> Path:
    """A wheel, made by hand: nothing here needs a network."""
    import zipfile

    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"def main():\n    print('{name} {version}')\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, version in (("millwheel", "1.0"), ("millwheel", "2.0"), ("sluice", "1.0")):
        package(folder, name, version)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_packages_are_installed_once_a_lock(tmp_path: Path, wheels: Path) -> None:
    place = Place(
        tmp_path,
        manifest(
            "  a: {run: millwheel; python -c 'import sys; print(sys.prefix != sys.base_prefix)'}\n  b: {run: python -m pip list, needs: [a]}\n"
        ),
        requirements_DOT_txt="millwheel==1.0\n",
    )
    done = place.run()
    assert done.lines("a")[-2:] == ["millwheel 1.0", "True"]
    assert any(line.startswith("headrace: making the environment py: Python") for line in done.lines("a"))
    assert not any("making" in line for line in done.lines("b"))
    assert len(list((place.cache / "environments").iterdir())) == 1
    place.write("requirements.txt", "millwheel==2.0\n")
    place.commit()
    assert place.run().lines("a")[-2:] == ["millwheel 2.0", "True"]
    assert len(list((place.cache / "environments").iterdir())) == 2


def test_an_environment_that_is_built_ahead_needs_no_image(tmp_path: Path, wheels: Path) -> None:
    ahead = f'{{python: "{HERE}", install: pip, file: requirements.txt, prebuild: true}}'
    place = Place(tmp_path, manifest("  a: {run: millwheel}\n", ahead), requirements_DOT_txt="millwheel==1.0\n")
    done = place.run()
    assert done.statuses() == {"a": "ran"}
    assert done.lines("a")[-1] == "millwheel 1.0"
    assert len(list((place.cache / "environments").iterdir())) == 1


def test_what_a_job_installs_stays_its_own(tmp_path: Path, wheels: Path) -> None:
    place = Place(
        tmp_path,
        manifest(
            "  a: {run: pip install -q sluice millwheel==2.0; sluice; millwheel}\n"
            "  b: {run: millwheel; python -c 'import sluice', needs: [a]}\n"
        ),
        requirements_DOT_txt="millwheel==1.0\n",
    )
    done = place.run()
    assert done.statuses() == {"a": "ran", "b": "failed"}, done.log("a")
    assert done.lines("a")[-2:] == ["sluice 1.0", "millwheel 2.0"]
    assert "millwheel 1.0" in done.lines("b")


def test_set_up_lines_run_in_each_job(tmp_path: Path, wheels: Path) -> None:
    place = Place(
        tmp_path,
        manifest("  a: {run: sluice}\n  b: {run: sluice}\n", f'{{python: "{HERE}", setup: ["pip install -q sluice"]}}'),
    )
    done = place.run()
    assert (done.lines("a")[-1], done.lines("b")[-1]) == ("sluice 1.0", "sluice 1.0")


def test_a_lock_that_cant_be_installed_fails_the_job_and_leaves_nothing(tmp_path: Path, wheels: Path) -> None:
    place = Place(tmp_path, manifest("  a: {run: 'true'}\n"), requirements_DOT_txt="no-such-package==1\n")
    done = place.run()
    assert done.statuses() == {"a": "failed"}
    assert done.codes == ["local-environment-not-made"]
    assert not list((place.cache / "environments").glob("*/.headrace-complete"))
    place.write("requirements.txt", "millwheel==1.0\n")
    place.commit()
    assert place.run().statuses() == {"a": "ran"}


def test_requirements_that_refer_to_the_checkout_are_installed_there(tmp_path: Path, wheels: Path) -> None:
    place = Place(
        tmp_path,
        manifest("  a: {run: millwheel}\n"),
        requirements_DOT_txt="-r more.txt\n",
        more_DOT_txt="millwheel==2.0\n",
    )
    assert place.run().lines("a")[-1] == "millwheel 2.0"
    assert not (place.cache / "environments").exists()


def test_another_python_is_said_plainly(tmp_path: Path, wheels: Path) -> None:
    place = Place(tmp_path, manifest("  a: {run: python --version}\n", '{python: "3.99"}'))
    done = place.run()
    assert done.codes == ["local-other-python"]
    assert done.lines("a")[-1] == f"Python {'.'.join(map(str, sys.version_info[:3]))}"
    (finding,) = [one for one in done.sink.diagnostics if one.code.name == "local-other-python"]
    assert "asks for Python 3.99: its jobs run with Python" in finding.message


def test_an_installer_that_is_not_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    place = Place(tmp_path, manifest("  a: {run: 'true'}\n", f'{{python: "{HERE}", install: uv}}'))
    assert place.run().codes == ["local-no-installer"]


def test_system_packages_are_said_not_to_be_installed(tmp_path: Path) -> None:
    place = Place(tmp_path, manifest("  a: {run: 'true'}\n", '{image: "x:1", apt: [libgomp1]}'))
    done = place.run()
    assert "local-packages-not-installed" in done.notes
    assert "headrace: system packages are not installed on this machine: libgomp1" in done.lines("a")


@pytest.mark.engine
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_installs_in_the_checkout(tmp_path: Path, wheels: Path) -> None:
    place = Place(
        tmp_path,
        manifest("  a: {run: python -c 'import sys; print(sys.prefix)'}\n", f'{{python: "{HERE}", install: uv}}'),
        pyproject_DOT_toml=f'[project]\nname = "x"\nversion = "1"\nrequires-python = ">={HERE}"\ndependencies = []\n',
    )
    subprocess.run(["uv", "lock", "--offline"], cwd=place.folder, check=True)
    place.commit()
    assert place.run().lines("a")[-1].endswith("/.venv")


def test_an_overlay_is_a_virtual_environment_of_its_own(tmp_path: Path) -> None:
    base, own = tmp_path / "base", tmp_path / "own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(base)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(base)}))
    (site / "shared.py").write_text("x = 1\n")
    (base / "bin" / "tool").write_text(f"#!{base}/bin/python\nimport shared, sys; print(sys.prefix)\n")
    (base / "bin" / "tool").chmod(0o755)
    pythons.overlay(str(base), str(own))
    done = subprocess.run([str(own / "bin" / "tool")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(own)


def test_what_a_job_gets_is_part_of_its_key() -> None:
    assert describe(None) == "this machine"
    assert describe(Environment(image=("x",))) == "this machine"
    assert describe(Environment(python=HERE)) == "python " + ".".join(map(str, sys.version_info[:3]))
