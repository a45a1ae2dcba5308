"""An inference function's docstring becomes its interface, its sample requests and its OpenAPI document."""

from __future__ import annotations

import json

import pytest

from compiler.inference import (
    Interface,
    as_argument,
    openapi,
    read_function,
    request_problems,
    sample,
)

DOCSTRING = '''def predict(parameters, inputs, output_fields, model):
    """Score customers.

    :param inputs.x: rows, shape [n, 3]
    :type inputs.x: FP32 or FP64
    :param inputs.names: who they are, as
        they are called
    :type inputs.names: dict, optional
    :param outputs.score: a number a row
    :type outputs.score: FP64
    :return: all
    """
'''


def read(text: str, name: str = "predict") -> tuple[Interface | None, list[str]]:
    interface, problems = read_function(text, "m.py", name)
    return interface, [f"{problem.line}:{problem.column}: {problem.message}" for problem in problems]


def good(text: str) -> Interface:
    interface, problems = read(text)
    assert problems == []
    assert interface is not None
    return interface


def with_docstring(*lines: str) -> str:
    return "def predict(inputs):\n" + "\n".join(['    """What it does.', *(f"    {line}" for line in lines), '    """'])


def test_the_docstring_is_the_interface() -> None:
    found = good(DOCSTRING)
    assert found.summary == "Score customers."
    assert found.takes == ("parameters", "inputs", "output_fields", "model")
    assert found.inputs["x"].types == ("FP32", "FP64")
    assert found.inputs["x"].shape == (None, 3)
    assert not found.inputs["x"].optional
    assert found.inputs["names"].optional
    assert found.inputs["names"].description == "who they are, as they are called"
    assert list(found.outputs) == ["score"]


def test_nothing_is_executed() -> None:
    assert good('raise SystemExit("executed")\n' + DOCSTRING).function == "predict"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def predicts(inputs): ...", '1:1: "m.py" has no function "predict" at its top level'),
        ("def predict(inputs): ...", '1:1: "predict" has no docstring, which is its interface'),
        ("def predict(:", '1:13: "m.py" is not Python: invalid syntax'),
        (with_docstring(":param inputs.x: a row"), '3:5: "inputs.x" has a ":param", and no ":type"'),
        (with_docstring(":type inputs.x: FP32"), '3:5: "inputs.x" has a ":type", and no ":param"'),
        (
            with_docstring(":param inputs.x: a row", ":type inputs.x: fp32"),
            '4:5: "fp32" is no datatype of "inputs.x"',
        ),
        (
            with_docstring(":param outputs.y: a row", ":type outputs.y: FP32"),
            '2:1: the docstring of "predict" describes no input',
        ),
        (
            with_docstring(":param inputs.x: a row", ":type inputs.x: FP32", ":type inputs.x: FP64"),
            '5:5: ":type inputs.x:" stands twice',
        ),
    ],
)
def test_what_is_wrong_has_its_line(text: str, message: str) -> None:
    assert message in read(text)[1]


def test_an_argument_that_no_request_gives() -> None:
    text = DOCSTRING.replace("parameters, inputs, output_fields, model", "inputs, threshold, limit=3")
    assert read(text)[1] == ['1:21: "predict" takes "threshold", which no request gives']
    assert read(DOCSTRING.replace("parameters, inputs, output_fields, model", "model"))[1] == [
        '1:1: "predict" takes no "inputs"'
    ]


def test_a_file_is_a_datatype_by_its_content_type() -> None:
    text = with_docstring(":param inputs.x: a picture", ":type inputs.x: image/png or file")
    (given,) = sample(good(text))["inputs"]
    assert given["content_type"] == "image/png"


def test_a_sample_has_datatypes_and_shapes() -> None:
    found = good(DOCSTRING)
    x, names = sample(found)["inputs"]
    assert (x["datatype"], x["shape"], len(x["data"])) == ("FP32", [2, 3], 6)
    assert names == {"name": "names", "datatype": "dict", "data": {}}
    assert [one["name"] for one in sample(found, optional=False)["inputs"]] == ["x"]
    assert request_problems(found, json.dumps(sample(found))) == []


def test_integers_are_integers_and_a_huge_sample_is_cut() -> None:
    text = with_docstring(":param inputs.x: many, shape (4096, 4096)", ":type inputs.x: INT32")
    (given,) = sample(good(text))["inputs"]
    assert given["shape"] == [1, 1]
    assert given["data"] == [1]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], 'the request has no input "x"'),
        ([{"name": "y"}], 'the function has no input "y"'),
        ([{"name": "x", "datatype": "INT32"}], '"x" takes "FP32" or "FP64", not \'INT32\''),
        (
            [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1.0, 2.0, 3.0]}],
            'the shape [2, 2] of "x" wants 4 values, and has 3',
        ),
        ([{"name": "x", "datatype": "FP32", "shape": "2", "data": []}], 'the shape of "x" is no list of lengths'),
        ([{"name": "x", "datatype": "FP32", "data": 1}], 'the data of "x" is no flat list'),
    ],
)
def test_a_request_has_to_fit(inputs: list[object], message: str) -> None:
    assert message in request_problems(good(DOCSTRING), json.dumps({"inputs": inputs}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"inputs": [1]}', "[" * 100_000])
def test_a_request_that_is_none_is_a_problem(text: str) -> None:
    assert request_problems(good(DOCSTRING), text)


def test_the_openapi_document_takes_its_own_example_and_refuses_others() -> None:
    from jsonschema import Draft202012Validator

    document = openapi(good(DOCSTRING), "score")
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    validator = Draft202012Validator(document["components"]["schemas"]["Request"])
    example = content["example"]
    assert validator.is_valid(example)
    assert not validator.is_valid({**example, "inputs": example["inputs"][1:]})
    assert not validator.is_valid({**example, "inputs": [{**example["inputs"][0], "datatype": "INT32"}]})


def test_the_server_gets_the_interface_in_one_line() -> None:
    assert json.loads(as_argument(good(DOCSTRING))) == {
        "inputs": [{"name": "x", "types": ["FP32", "FP64"]}, {"name": "names", "types": ["dict"], "optional": True}],
        "outputs": [{"name": "score", "types": ["FP64"]}],
    }
