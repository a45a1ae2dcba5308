"""Convert a model to ONNX, or verify that the converted one gives what the model gives.

onnx.py convert --framework NAME --source PATH --to FILE [--input NAME[SHAPE]]... [--output NAME]...
onnx.py verify  --framework NAME --source PATH --to FILE [--input NAME[SHAPE]]... [--rtol N] [--atol N] [--report FILE]

It converts by what the job's environment has: tf2onnx for TensorFlow and Keras, torch, skl2onnx for scikit-learn. To
verify, both models get the same numbers from a fixed seed; onnx checks the file, onnxruntime runs it.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
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
ROWS = 16  # of an input whose first dimension is open
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
    if not inputs:
        raise UsageError("a model of torch is converted by inputs with shapes: --input=NAME[1,28,28]")
    # The exporter that takes TorchScript; the newer one, which is the default since 2.9, takes no scripted model.
    told = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    examples = tuple(torch.zeros(tensor.shape) for tensor in inputs)
    names = [tensor.name for tensor in inputs]
    torch.onnx.export(
        load_torch(source), examples, to, input_names=names, output_names=outputs or None, opset_version=OPSET, **told
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
    options = {"zipmap": False} if hasattr(model, "predict_proba") else {}  # probabilities as numbers, not as mappings
    made = skl2onnx.convert_sklearn(model, initial_types=given, options={id(model): options} if options else None)
    with open(to, "wb") as stream:
        stream.write(made.SerializeToString())


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
        if given.shape and not isinstance(given.shape[0], int):
            own[0] = ROWS
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


def original(framework: str, source: str, feed: dict[str, Any], outputs: list[str]) -> list[Any]:
    """What the model itself gives."""
    if framework == "torch":
        torch = library("torch")
        with torch.no_grad():
            made = load_torch(source)(*(torch.from_numpy(value) for value in feed.values()))
        return [part.numpy() for part in (made if isinstance(made, (list, tuple)) else [made])]
    if framework == "scikit-learn":
        model = load_sklearn(source)
        if len(feed) != 1:
            raise DataError(f"the converted model has {len(feed)} inputs, one table is right")
        values = next(iter(feed.values()))
        made = [model.predict(values)]
        return [*made, model.predict_proba(values)] if hasattr(model, "predict_proba") else made
    return tensorflow_gives(source, feed, outputs)


def tensorflow_gives(source: str, feed: dict[str, Any], outputs: list[str]) -> list[Any]:
    """A saved model by its signature, a frozen graph or a checkpoint in a session, else a file of Keras."""
    tensorflow = library("tensorflow")
    if os.path.isdir(source) and os.path.exists(os.path.join(source, "saved_model.pb")):
        served = tensorflow.saved_model.load(source).signatures["serving_default"]
        named = {name.split(":")[0]: tensorflow.constant(value) for name, value in feed.items()}
        made = served(**named)
        return [made[name].numpy() for name in (outputs if set(outputs) == set(made) else made)]
    file = model_file(source, (".pb", ".meta", ".h5", ".keras"))
    if file.endswith((".pb", ".meta")):
        return graph_gives(tensorflow.compat.v1, file, feed, outputs)
    made = tensorflow.keras.models.load_model(file).predict(list(feed.values()), verbose=0)
    return list(made) if isinstance(made, (list, tuple)) else [made]


def graph_gives(old: Any, file: str, feed: dict[str, Any], outputs: list[str]) -> list[Any]:
    """What a graph of TensorFlow 1 gives for its tensors by name."""
    with old.Graph().as_default() as graph, old.Session(graph=graph) as session:
        if file.endswith(".meta"):
            old.train.import_meta_graph(file).restore(session, file[: -len(".meta")])
        else:
            definition = old.GraphDef()
            with open(file, "rb") as stream:
                definition.ParseFromString(stream.read())
            old.import_graph_def(definition, name="")
        return list(session.run(outputs, feed))


def values_of(arrays: list[Any]) -> list[Any]:
    """The numbers and texts of several outputs in order; a list of mappings (of scikit-learn's classes) has its values."""
    numpy = library("numpy")
    found: list[Any] = []
    for array in arrays:
        rows = [list(row.values()) if isinstance(row, dict) else row for row in array]
        found += numpy.asarray(rows).ravel().tolist()
    return found


def both(one: Any, other: Any) -> tuple[float, float]:
    """Two values as numbers. Texts, as labels are, are the same or differ by 1."""
    if isinstance(one, str) or isinstance(other, str):
        return 0.0, float(str(one) != str(other))
    return float(one), float(other)


def checked(path: str) -> Any:
    """The converted model, ready to run, after onnx's own checker."""
    onnx, runtime = library("onnx"), library("onnxruntime")
    try:
        onnx.checker.check_model(onnx.load(path))
        return runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except OSError:
        raise
    except Exception as error:  # each of the libraries has its own
        raise DataError(f"{quoted(path)} is no ONNX model that runs: {error}") from error


def verify(options: argparse.Namespace, inputs: list[Tensor]) -> int:
    session = checked(options.to)
    outputs = [given.name for given in session.get_outputs()]
    random.seed(SEED)
    expected: list[float] = []
    actual: list[float] = []
    for _ in range(BATCHES):
        feed = feeds(session, inputs)
        ours = values_of(original(options.framework, options.source, feed, outputs))
        theirs = values_of(session.run(None, feed))
        if len(ours) > len(theirs):
            raise DataError(f"the model gives {len(ours)} numbers, the converted one {len(theirs)}")
        pairs = list(map(both, ours, theirs))
        expected += [one for one, _ in pairs]
        actual += [other for _, other in pairs]
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
