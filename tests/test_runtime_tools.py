"""headrace's own tools, run as jobs run them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from compiler.tools import TOOLS
from targets.runtime import NAMES
from tests.runtime_scripts import Job

DATA = "id,age,town\n1,30,a\n2,41,b\n3,,a\n"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_every_tool_is_a_script_that_travels() -> None:
    assert set(TOOLS) <= set(NAMES)


# ------------------------------------------------------------------------------------------------------- data, leakage


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": {"type": "integer", "unique": True}, "age": {"type": "number", "empty": 0.5}}, None),
        ({"age": {"type": "number"}}, "column 'age' is empty in 1 of 3 rows"),
        ({"age": {"type": "number", "optional": True, "minimum": 35}}, "is below the minimum 35 in 1 of 3 rows"),
        ({"age": {"optional": True, "type": "number", "maximum": 40}}, "is above the maximum 40 in 1 of 3 rows"),
        ({"town": {"values": ["a"]}}, "is none of the values in 1 of 3 rows"),
        ({"town": {"pattern": "[0-9]+"}}, "does not match the pattern in 3 of 3 rows"),
        ({"town": {"unique": True}}, "is not unique in 1 of 3 rows"),
        ({"town": {"type": "integer"}}, "is no integer in 3 of 3 rows"),
        ({"street": {}}, "column 'street' is empty in 3 of 3 rows"),
    ],
)
def test_data_are_held_against_columns(job: Job, columns: dict[str, object], said: str | None) -> None:
    job.write("data.csv", DATA)
    job.write("schema.json", json.dumps({"columns": columns}))
    done = job.run("data", "--schema=schema.json", "--report=out/report.json", "data.csv")
    assert done.returncode == (0 if said is None else 1), done.stderr
    assert said is None or said in done.stderr
    assert json.loads((job.folder / "out/report.json").read_text())["rows"] == 3


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"columns": {"id": {}}, "closed": True}, "'age' is not in the schema"),
        ({"columns": {}, "rows": {"minimum": 5}}, "there are 3 rows, 5 to any are right"),
        ({"rows": {}}, "can't be read"),
        ({"columns": {"id": {"type": "date"}}}, "is no type"),
        ({"columns": {"id": {"minimum": "x"}}}, "not in its form"),
    ],
)
def test_data_of_another_size_or_shape_fail(job: Job, schema: dict[str, object], said: str) -> None:
    job.write("data.csv", DATA)
    job.write("schema.json", json.dumps(schema))
    done = job.run("data", "--schema=schema.json", "data.csv")
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_the_first_schema_is_one_that_the_data_keep_to(job: Job) -> None:
    job.write("data.csv", DATA)
    assert job.run("data", "--first=schema.json", "data.csv").returncode == 0
    assert json.loads((job.folder / "schema.json").read_text())["columns"]["age"]["type"] == "integer"
    assert job.run("data", "--schema=schema.json", "data.csv").returncode == 0


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "a,b\n1\n"), ("a.json", "{}"), ("a.jsonl", "[1]\n"), ("a.csv", "")]
)
def test_what_is_no_data_is_told(job: Job, name: str, text: str) -> None:
    job.write(name, text)
    job.write("schema.json", '{"columns": {}}')
    assert job.run("data", "--schema=schema.json", name).returncode == 1


@pytest.mark.parametrize(
    ("keys", "other", "status"),
    [
        ([], "id,x\n3,1\n", 0),
        ([], "id,x\n1,1\n", 1),
        ([], "id,x\n1,9\n", 0),
        (["--key=id"], "id,x\n1,9\n", 1),
        (["--key=name"], "id,x\n3,1\n", 1),
    ],
)
def test_parts_that_share_a_row_or_a_key_leak(job: Job, keys: list[str], other: str, status: int) -> None:
    job.write("train.csv", "id,x\n1,1\n2,1\n")
    job.write("parts/test.csv", other)
    done = job.run("leakage", *keys, "--report=split.json", "train=train.csv", "test=parts")
    assert done.returncode == status, done.stderr
    if keys != ["--key=name"]:
        report = json.loads((job.folder / "split.json").read_text())
        assert report["parts"]["train"]["rows"] == 2
        sha256 = hashlib.sha256((job.folder / "train.csv").read_bytes()).hexdigest()
        assert report["parts"]["train"]["sha256"] == {"train.csv": sha256}


def test_an_empty_part_proves_nothing(job: Job) -> None:
    job.write("a.csv", "id\n1\n")
    job.write("b.csv", "id\n")
    assert job.run("leakage", "a=a.csv", "b=b.csv").returncode == 1


# ------------------------------------------------------------------------------------- objectives, records, tolerance


def test_objectives_are_frozen_with_their_hash(job: Job) -> None:
    assert job.run("objectives", "--to=out/o.json", "--", "a >= 1", "b < 2").returncode == 0
    frozen = json.loads((job.folder / "out/o.json").read_text())
    assert frozen["objectives"] == ["a >= 1", "b < 2"]
    assert frozen["sha256"] == hashlib.sha256(b'["a >= 1", "b < 2"]').hexdigest()
    assert job.run("objectives", "--to=o.json", "--").returncode == 1


LINE = {"requestInfo": {"requestId": "1", "latency": 0.5}, "modelInfo": {"models": ["a"]}}


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("requestInfo.requestId", 0),
        ("requestInfo.requestId:string", 0),
        ("requestInfo.latency:number", 0),
        ("requestInfo.latency:integer", 1),
        ("modelInfo.models:array:string", 0),
        ("modelInfo.models:array:number", 1),
        ("requestInfo.user", 1),
        ("requestInfo.user?", 0),
        ("modelInfo", 0),
        ("a.b:unheard", 2),
    ],
)
def test_lines_of_a_log_have_the_records_fields(job: Job, field: str, status: int) -> None:
    job.write("log.jsonl", json.dumps(LINE) + "\n\n" + json.dumps(LINE) + "\n")
    assert job.run("records", f"--field={field}", "log.jsonl").returncode == status


def test_an_empty_log_fails(job: Job) -> None:
    job.write("log.jsonl", "")
    assert job.run("records", "--field=a", "log.jsonl").returncode == 1


@pytest.mark.parametrize(
    ("actual", "options", "status"),
    [
        ([1.0, 2.0], [], 0),
        ([1.0005, 2.0], [], 0),
        ([1.1, 2.0], [], 1),
        ([1.1, 2.0], ["--rtol=0.2"], 0),
        ([1.0, 2.0001], ["--rtol=0", "--atol=0"], 1),
        ([1.0], [], 1),
        (["nan", 2.0], [], 1),
        ([None, 2.0], [], 1),
    ],
)
def test_numbers_within_tolerances(job: Job, actual: list[object], options: list[str], status: int) -> None:
    job.write("expected.json", "[1.0, 2.0]")
    job.write("actual.json", json.dumps(actual))
    assert job.run("tolerance", *options, "expected.json", "actual.json").returncode == status


# ---------------------------------------------------------------------------------------------------------------- usable


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("name: posts\nstate: active\n", 0, ""),
        ("state: Archived  # since May\n", 1, "state is archived"),
        ("'state': \"archived\"\n", 1, "state is archived"),
        ("mine:\n  state: archived\nnotes: 'state: archived'\n", 0, ""),
        ('{"state": "ARCHIVED"}', 1, "state is archived"),
        ("name: posts\nstate: deprecated\n", 0, 'warning: "posts" is used, and state is deprecated'),
        ('{"isDeprecated": true}', 0, "isDeprecated is true"),
        ("isDeprecated: True\n", 0, "isDeprecated is true"),
    ],
)
def test_data_that_may_not_be_used_fail(text: str, status: int, said: str, job: Job) -> None:
    job.write("posts.yml", text)
    rules = ("--refused=state:archived", "--warned=state:deprecated", "--warned=isDeprecated:true")
    done = job.run("usable", *rules, "posts.yml")
    assert done.returncode == status
    assert said in done.stderr
    assert bool(said) == bool(done.stderr)


def test_a_file_has_its_checksum(job: Job) -> None:
    job.write("a.csv", "a\n")
    digest = hashlib.sha256(b"a\n").hexdigest()
    assert job.run("usable", f"--sha256={digest.upper()}:a.csv").returncode == 0
    assert job.run("usable", f"--sha256={'0' * 64}:a.csv").returncode == 1
    assert job.run("usable", f"--sha256={digest}:b.csv").returncode == 1
    assert job.run("usable", "--sha256=a.csv").returncode == 2
    assert job.run("usable", "away.yml").returncode == 1


# --------------------------------------------------------------------------------------------------------------- objects


class Bucket(BaseHTTPRequestHandler):
    """A store that speaks as much of S3 as is asked, and checks every signature by itself."""

    objects: dict[str, bytes]
    secret = "s3cret"
    page = 2

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_signed(self, body: bytes) -> bool:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=KEY/(\d{8})/eu/s3/aws4_request,SignedHeaders=([^,]+),Signature=(\w+)",
            self.headers["Authorization"] or "",
        )
        sha256 = self.headers["x-amz-content-sha256"]
        if found is None or sha256 != hashlib.sha256(body).hexdigest():
            return False
        path, _, query = self.path.partition("?")
        headers = [f"{name}:{self.headers[name]}" for name in found[2].split(";")]
        request = "\n".join([self.command, path, query, *headers, "", found[2], sha256])
        scope = f"{found[1]}/eu/s3/aws4_request"
        text = "\n".join(
            ["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()]
        )
        key = b"AWS4" + self.secret.encode()
        for part in (found[1], "eu", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == found[3]

    def do_GET(self) -> None:
        if not self.is_signed(b""):
            return self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        parts = urlsplit(self.path)
        name = unquote(parts.path).removeprefix("/bucket").removeprefix("/")
        if name:
            found = self.objects.get(name)
            return self.answer(404) if found is None else self.answer(200, found)
        query = parse_qs(parts.query)
        names = sorted(one for one in self.objects if one.startswith(query["prefix"][0]))
        start = int(query.get("continuation-token", ["0"])[0])
        listed = "".join(f"<Contents><Key>{one}</Key></Contents>" for one in names[start : start + self.page])
        more = (
            f"<NextContinuationToken>{start + self.page}</NextContinuationToken>" if names[start + self.page :] else ""
        )
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        return self.answer(200, f'<ListBucketResult xmlns="{space}">{listed}{more}</ListBucketResult>'.encode())

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.is_signed(body):
            return self.answer(403)
        self.objects[unquote(self.path).removeprefix("/bucket/")] = body
        return self.answer(200)

    def log_message(self, *_words: object) -> None:
        """Nothing to say."""


@pytest.fixture
def store() -> Iterator[tuple[str, dict[str, bytes]]]:
    held: dict[str, bytes] = {}

    class Own(Bucket):
        objects = held

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", held
    server.shutdown()


KEYS = {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "s3cret"}


def test_objects_are_fetched_and_uploaded_with_signed_requests(job: Job, store: tuple[str, dict[str, bytes]]) -> None:
    url, objects = store
    where = [f"--endpoint={url}", "--bucket=bucket", "--region=eu"]
    objects.update({"1.0/a b.txt": b"a", "1.0/sub/ü.txt": b"u", "1.0/c": b"c", "2.0/d": b"d"})
    done = job.run("objects", "get", *where, "--path=1.0/", "--path=2.0/d", "--to=in", **KEYS)
    assert (done.returncode, done.stdout) == (0, "4 objects\n"), done.stderr
    assert {
        str(path.relative_to(job.folder)): path.read_bytes() for path in job.folder.rglob("*") if path.is_file()
    } == {
        "in/a b.txt": b"a",
        "in/sub/ü.txt": b"u",
        "in/c": b"c",
        "in/d": b"d",
    }
    assert job.run("objects", "get", *where, "--path=1.0", "--at=there", **KEYS).returncode == 0
    assert (job.folder / "there" / "sub" / "ü.txt").read_bytes() == b"u"
    assert job.run("objects", "get", *where, "--path=1.0/c", "--at=here/d", **KEYS).returncode == 0
    assert (job.folder / "here" / "d").read_bytes() == b"c"
    assert job.run("objects", "get", *where, "--path=1.0/c", "--path=2.0/d", "--at=here", **KEYS).returncode == 2
    assert job.run("objects", "put", *where, "--path=3.0/", "--from=in", **KEYS).returncode == 0
    assert objects["3.0/sub/ü.txt"] == b"u"
    assert job.run("objects", "put", *where, "--path=4.0/model", "--from=in/c", **KEYS).returncode == 0
    assert objects["4.0/model"] == b"c"


@pytest.mark.parametrize(
    ("path", "keys", "said"),
    [
        ("nothing/", KEYS, "nothing lies at"),
        ("x", {**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        ("x", {}, "no keys are given"),
    ],
)
def test_a_store_that_refuses_is_told(
    job: Job, store: tuple[str, dict[str, bytes]], path: str, keys: dict[str, str], said: str
) -> None:
    done = job.run(
        "objects",
        "get",
        f"--endpoint={store[0]}",
        "--bucket=bucket",
        "--region=eu",
        f"--path={path}",
        "--to=in",
        **keys,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


def test_a_name_that_leads_out_of_the_folder_is_refused(job: Job, store: tuple[str, dict[str, bytes]]) -> None:
    store[1]["p/../../../evil"] = b"x"
    done = job.run(
        "objects", "get", f"--endpoint={store[0]}", "--bucket=bucket", "--region=eu", "--path=p/", "--to=in", **KEYS
    )
    assert done.returncode == 1
    assert "leads out" in done.stderr
    assert not (job.folder.parent / "evil").exists()


def test_a_mounted_folder_is_a_store(job: Job) -> None:
    job.write("mount/bucket/m/a.txt", "a")
    where = [f"--endpoint=file://{job.folder}/mount", "--bucket=bucket"]
    assert job.run("objects", "get", *where, "--path=m/", "--to=in").returncode == 0
    assert (job.folder / "in/a.txt").read_text() == "a"
    assert job.run("objects", "put", *where, "--path=n/", "--from=in").returncode == 0
    assert (job.folder / "mount/bucket/n/a.txt").read_text() == "a"
    assert job.run("objects", "get", *where, "--path=../x", "--to=in").returncode == 1


# ----------------------------------------------------------------------------------------------------------------- score


@pytest.fixture
def model() -> Iterator[str]:
    class Model(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            sample = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"age": sample["x"] * 2}).encode()
            self.send_response(200 if sample["x"] >= 0 else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/model/predict"
    server.shutdown()


@pytest.mark.parametrize(
    ("samples", "output", "status", "said"),
    [
        ([{"x": 1}, {"x": 2}], {"type": "object", "required": ["age"]}, 0, ""),
        ([{"x": "one"}], {}, 1, "the input: x is no number"),
        ([{"x": 1}, {"x": -1}], {}, 1, "the model answered 500"),
        ([{"x": 9}], {"properties": {"age": {"maximum": 10}}}, 1, "the output: age is above 10"),
        ([], {}, 1, "there is no sample"),
    ],
)
def test_samples_are_scored(
    job: Job, model: str, samples: list[object], output: object, status: int, said: str
) -> None:
    job.write("samples.json", json.dumps(samples))
    job.write("in.json", json.dumps({"properties": {"x": {"type": "number"}}, "required": ["x"]}))
    job.write("out.json", json.dumps(output))
    schemas = ["--input-schema=in.json", "--output-schema=out.json"]
    done = job.run("score", f"--url={model}", "--samples=samples.json", *schemas, "--report=r/score.json")
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    if samples:
        report = json.loads((job.folder / "r/score.json").read_text())
        assert report["samples"] == len(samples)
        assert (report["failed"] > 0) == (status == 1)


# ------------------------------------------------------------------------------------------------------ onnx, attest


def test_without_its_libraries_a_conversion_says_what_is_missing(job: Job) -> None:
    job.write("m.pkl", "")
    done = job.run("onnx", "convert", "--framework=scikit-learn", "--source=m.pkl", "--to=m.onnx")
    assert done.returncode == 1
    assert "this job's environment has no skl2onnx" in done.stderr
    assert job.run("onnx", "convert", "--framework=cobol", "--source=m", "--to=n").returncode == 2


def test_a_run_is_attested(job: Job) -> None:
    job.write("headrace.yaml", "version: 1\n")
    job.write("out/metrics.json", '{"accuracy": 0.9}')
    job.write("model.bin", "m")
    said = ["--statement=a/statement.json", "--record=a/record.json", "--project=p", "--pipeline=q"]
    env = {"HEADRACE_GIT_COMMIT": "c" * 40, "HEADRACE_RUN_ID": "7", "HEADRACE_PARAM_X": "5"}
    done = job.run(
        "attest", *said, "--material=headrace.yaml", "--metrics=out/metrics.json", "--parameter=x=HEADRACE_PARAM_X",
        "--", "model.bin", "out", "missing", **env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    statement = json.loads((job.folder / "a/statement.json").read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert {one["name"] for one in statement["subject"]} == {"model.bin", "out"}
    assert statement["subject"][0]["digest"]["sha256"] == hashlib.sha256(b"m").hexdigest()
    materials = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [one.get("name", one["digest"]) for one in materials] == [{"gitCommit": "c" * 40}, "headrace.yaml"]
    record = json.loads((job.folder / "a/record.json").read_text())
    assert record["metrics"] == [{"key": "accuracy", "value": 0.9, "value_type": "scalar"}]
    assert record["parameters"] == [{"key": "x", "value": "5"}]
    by = statement["predicate"]["runDetails"]["byproducts"]
    assert by[0]["digest"]["sha256"] == hashlib.sha256((job.folder / "a/record.json").read_bytes()).hexdigest()


def test_signing_without_cosign_fails(job: Job) -> None:
    job.write("m", "m")
    said = ["--statement=s.json", "--record=r.json", "--project=p", "--pipeline=q", "--sign"]
    done = job.run("attest", *said, "--", "m", PATH="/nonexistent")
    assert done.returncode == 1
    assert "neither cosign nor sigstore is installed here" in done.stderr
