"""The tool that converts models to ONNX and verifies them, run with the libraries themselves: scikit-learn's models."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from targets.runtime import script
from tests.tools import program

pytestmark = pytest.mark.engine

TRAIN = """
import pickle
import numpy
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rows = numpy.random.RandomState(0).rand(200, 4).astype("float32")
above = rows.sum(1) > 2
models = {
    "numbers": make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, above.astype(int)),
    "texts": LogisticRegression().fit(rows, numpy.where(above, "old", "young")),
    "forest": RandomForestClassifier(10, random_state=0).fit(rows, above.astype(int)),
    "two": LinearRegression().fit(rows, numpy.stack([rows @ [1, 2, 3, 4], rows @ [4, 3, 2, 1]], 1)),
    "other": LinearRegression().fit(rows, rows @ [5, 5, 5, 5]),
}
for name, model in models.items():
    with open(name + ".pkl", "wb") as stream:
        pickle.dump(model, stream)
"""


class Tool:
    """The script as it travels with jobs, in a folder of trained models."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.python = folder, python

    def run(self, verb: str, model: str, converted: str, *options: str) -> subprocess.CompletedProcess[str]:
        words = [verb, "--framework=scikit-learn", f"--source={model}.pkl", f"--to={converted}.onnx", *options]
        command = [self.python, "-I", "-c", script("onnx"), *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    python = program("onnx")
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([python, "-I", "-c", TRAIN], cwd=folder, check=True, timeout=120)
    return Tool(folder, python)


@pytest.mark.parametrize(("model", "numbers"), [("numbers", 144), ("texts", 144), ("forest", 144), ("two", 96)])
def test_a_model_and_what_it_is_converted_to_give_the_same(model: str, numbers: int, tool: Tool) -> None:
    """Labels and probabilities of three batches of 16 rows, or two numbers a row."""
    done = tool.run("convert", model, model, "--input=X[1,4]")
    assert done.returncode == 0, done.stderr
    done = tool.run("verify", model, model, "--rtol=0.001", "--atol=0.00001", f"--report={model}.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tool.folder / f"{model}.json").read_text())
    assert (report["numbers"], report["beyond"]) == (numbers, 0)
    assert report["largest_difference"] < 1e-5


def test_what_another_model_was_converted_to_fails(tool: Tool) -> None:
    assert tool.run("convert", "other", "other").returncode == 0
    done = tool.run("verify", "two", "other")
    assert (done.returncode, done.stderr) == (1, "headrace: the model gives 32 numbers, the converted one 16\n")
    assert tool.run("convert", "two", "wide").returncode == 0
    done = tool.run("verify", "other", "wide")
    assert done.returncode == 1
    assert "differ by more than the tolerance" in done.stderr
    assert tool.run("verify", "other", "wide", "--atol=100").returncode == 0


def test_labels_that_differ_fail(tool: Tool) -> None:
    assert tool.run("convert", "texts", "texts").returncode == 0
    done = tool.run("verify", "numbers", "texts", "--atol=0.9")
    assert done.returncode == 1
    assert "of 144 numbers differ by more than the tolerance" in done.stderr


def test_what_is_no_onnx_fails(tool: Tool) -> None:
    (tool.folder / "broken.onnx").write_text("model\n")
    done = tool.run("verify", "two", "broken")
    assert done.returncode == 1
    assert '"broken.onnx" is no ONNX model that runs' in done.stderr
    assert "Traceback" not in done.stderr
