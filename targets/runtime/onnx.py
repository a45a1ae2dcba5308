"""Convert a model to ONNX, or verify that the converted one gives what the model gives.

onnx.py convert --framework NAME --source PATH --to FILE [--input NAME[SHAPE]]... [--output NAME]...
onnx.py verify  --framework NAME --source PATH --to FILE [--input NAME[SHAPE]]... [--rtol N] [--atol N] [--report FILE]

It converts by what the job's environment has: tf2onnx for TensorFlow and Keras, torch, skl2onnx for scikit-learn. To
verify, both models get the same numbers from a fixed seed; onnx checks the file, onnxruntime runs it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import random
import re
import subprocess
import sys
from typing import Any

from targets.runtime.compare import compare
from targets.runtime.problem import DataError, UsageError, finish, quoted
from targets.runtime.reports import write_report

TENSOR = re.compile(r"(.+?)(?:\[([-0-9,?None ]*)\])?")
OPSET = 17
BATCHES = 3
SEED = 20190822


def library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"this job's environment has no {name}: {error}") from error


class Tensor:
    """A name with its shape; what the shape leaves open is 1."""

    def __init__(self, text: str) -> None:
        found = TENSOR.fullmatch(text)
        if not found:
            raise UsageError(f"{quoted(text)} is no tensor: NAME[1,28,28]")
        self.name = found[1]
        parts = [part.strip() for part in (found[2] or "").split(",") if part.strip()]
        self.shape = [int(part) if part.isdigit() and int(part) > 0 else 1 for part in parts] or [1]
        self.text = f"{self.name}[{','.join(map(str, self.shape))}]"


def model_file(source: str, endings: tuple[str, ...]) -> str:
    """The file that is meant by a path: itself, or the one of these endings in a folder."""
    if os.path.isfile(source):
        return source
    found = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names if name.endswith(endings)
    )
    if len(found) != 1:
        raise DataError(f"{quoted(source)} holds {len(found)} files that end in {' or '.join(endings)}, one is right")
    return found[0]


def convert_tensorflow(source: str, to: str, inputs: list[Tensor], outputs: list[str]) -> None:
    """By tf2onnx's own command: a saved model, a frozen graph, a checkpoint, or a Keras file."""
    library("tf2onnx")
    if os.path.isdir(source) and os.path.exists(os.path.join(source, "saved_model.pb")):
        where = ["--saved-model", source]
    else:
        file = model_file(source, (".pb", ".meta", ".h5", ".keras"))
        kind = {".pb": "--graphdef", ".meta": "--checkpoint"}.get(os.path.splitext(file)[1], "--keras")
        where = [kind, file]
    command = [sys.executable, "-m", "tf2onnx.convert", *where, "--output", to, "--opset", str(OPSET)]
    if inputs:
        command += ["--inputs", ",".join(tensor.text for tensor in inputs)]
    if outputs:
        command += ["--outputs", ",".join(outputs)]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
        raise DataError("tf2onnx could not convert the model")


def load_torch(source: str) -> Any:
    torch = library("torch")
    file = model_file(source, (".pt", ".pth", ".torch"))
    try:
        model = torch.jit.load(file)
    except RuntimeError:
        model = torch.load(file, weights_only=False)
    if not callable(model):
        raise DataError(f"{quoted(file)} holds no model that can be called: save the whole model, or TorchScript")
    model.eval()
    return model


def convert_torch(source: str, to: str, inputs: list[Tensor], outputs: list[str]) -> None:
    torch = library("torch")
    examples = tuple(torch.zeros(tensor.shape) for tensor in inputs)
    names = [tensor.name for tensor in inputs]
    torch.onnx.export(
        load_torch(source), examples, to, input_names=names, output_names=outputs or None, opset_version=OPSET
    )


def load_sklearn(source: str) -> Any:
    file = model_file(source, (".pkl", ".pickle", ".joblib"))
    if file.endswith(".joblib"):
        return library("joblib").load(file)
    with open(file, "rb") as stream:
        return pickle.load(stream)


def convert_sklearn(source: str, to: str, inputs: list[Tensor], _outputs: list[str]) -> None:
    skl2onnx = library("skl2onnx")
    kind = library("skl2onnx.common.data_types").FloatTensorType
    model = load_sklearn(source)
    given = [(tensor.name, kind([None, *tensor.shape[1:]])) for tensor in inputs]
    given = given or [("X", kind([None, model.n_features_in_]))]
    with open(to, "wb") as stream:
        stream.write(skl2onnx.convert_sklearn(model, initial_types=given).SerializeToString())


CONVERTERS = {
    "tensorflow": convert_tensorflow,
    "keras": convert_tensorflow,
    "torch": convert_torch,
    "scikit-learn": convert_sklearn,
}


def feeds(session: Any, inputs: list[Tensor]) -> dict[str, Any]:
    """Numbers for each input of the converted model, in the shapes that are said, else in its own."""
    numpy = library("numpy")
    said = {tensor.name: tensor.shape for tensor in inputs}
    found = {}
    for given in session.get_inputs():
        own = [size if isinstance(size, int) and size > 0 else 1 for size in given.shape]
        shape = said.get(given.name, own)
        count = 1
        for size in shape:
            count *= size
        values = [random.uniform(-1, 1) for _ in range(count)]
        kind = {"tensor(double)": "float64", "tensor(int64)": "int64", "tensor(int32)": "int32"}.get(
            given.type, "float32"
        )
        found[given.name] = numpy.array(values, dtype="float64").reshape(shape).astype(kind)
    return found


def original(framework: str, source: str, feed: dict[str, Any]) -> list[Any]:
    """What the model itself gives."""
    if framework == "torch":
        torch = library("torch")
        with torch.no_grad():
            made = load_torch(source)(*(torch.from_numpy(value) for value in feed.values()))
        return [part.numpy() for part in (made if isinstance(made, (list, tuple)) else [made])]
    if framework == "scikit-learn":
        model = load_sklearn(source)
        values = next(iter(feed.values()))
        return [model.predict(values)]
    tensorflow = library("tensorflow")
    if os.path.isdir(source) and os.path.exists(os.path.join(source, "saved_model.pb")):
        served = tensorflow.saved_model.load(source).signatures["serving_default"]
        named = {name.split(":")[0]: tensorflow.constant(value) for name, value in feed.items()}
        return [value.numpy() for value in served(**named).values()]
    model = tensorflow.keras.models.load_model(model_file(source, (".h5", ".keras")))
    return [model.predict(list(feed.values()))]


def numbers(arrays: list[Any]) -> list[float]:
    return [float(value) for array in arrays for value in array.ravel()]


def verify(options: argparse.Namespace, inputs: list[Tensor]) -> int:
    onnx, runtime = library("onnx"), library("onnxruntime")
    onnx.checker.check_model(onnx.load(options.to))
    session = runtime.InferenceSession(options.to, providers=["CPUExecutionProvider"])
    random.seed(SEED)
    expected: list[float] = []
    actual: list[float] = []
    for _ in range(BATCHES):
        feed = feeds(session, inputs)
        ours, theirs = numbers(original(options.framework, options.source, feed)), numbers(session.run(None, feed))
        if len(ours) > len(theirs):
            raise DataError(f"the model gives {len(ours)} numbers, the converted one {len(theirs)}")
        expected += ours
        actual += theirs[: len(ours)]
    found = compare(expected, actual, options.rtol, options.atol)
    if options.report:
        write_report(options.report, found)
    print(f"{len(expected)} numbers, the largest difference is {found['largest_difference']:.6g}")
    if found["beyond"]:
        raise DataError(f"{found['beyond']} of {len(expected)} numbers differ by more than the tolerance")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="onnx", allow_abbrev=False)
    parser.add_argument("verb", choices=["convert", "verify"])
    parser.add_argument("--framework", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--output", action="append", default=[])
    parser.add_argument("--rtol", type=float, default=1e-3)
    parser.add_argument("--atol", type=float, default=1e-5)
    parser.add_argument("--report", default="")
    options = parser.parse_args()
    if options.framework not in CONVERTERS:
        raise UsageError(f"no converter is known for {quoted(options.framework)}: {', '.join(CONVERTERS)}")
    inputs = [Tensor(text) for text in options.input]
    if options.verb == "verify":
        return verify(options, inputs)
    os.makedirs(os.path.dirname(options.to) or ".", exist_ok=True)
    CONVERTERS[options.framework](options.source, options.to, inputs, options.output)
    print(f"{options.to}: {os.path.getsize(options.to)} bytes")
    return 0


if __name__ == "__main__":
    finish(main)
