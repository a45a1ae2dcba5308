"""A module's boxes in a real S3 server: what provisions, fetches and publishes, with the AWS command line itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compiler.frontends.unip import shell
from tests.test_unip_run import command
from tests.test_unip_run import module as module  # the fixture: the module in a repository of its own
from tests.tools import moto, process

pytestmark = pytest.mark.engine
APP = "s3://boxes/pu-ivanov-pa-churn"
GROUPS = "users/ivanov/file_groups"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """A server of this machine; gives the variables by which a job reaches it."""
    aws = process.program("aws")
    with moto.server() as url:
        yield {
            "PATH": f"{os.path.dirname(aws)}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "UNIP_S3_URL": "s3://boxes",
        }


def run(folder: Path, lines: str, store: dict[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    place = {"UNIP_APP": "pu-ivanov-pa-churn", "UNIP_USER": "ivanov", "HOME": os.fspath(folder)}
    words = ["sh", "-euc", lines]
    return subprocess.run(words, cwd=folder, env={**store, **place, **env}, capture_output=True, text=True, check=False)


def aws(store: dict[str, str], *words: str) -> str:
    done = subprocess.run(["aws", *words], env={**os.environ, **store}, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_version_is_the_one_that_jobs_install(store: dict[str, str]) -> None:
    assert aws(store, "--version").startswith(f"aws-cli/{shell.AWS_VERSION} ")


def test_a_module_runs_on_boxes_in_s3(module: Path, store: dict[str, str]) -> None:
    """Provision, fill a box, run the chain, and find its outputs in the other box, in the platform's layout."""
    provisioned = headrace(module, store, "--pipeline", "module", "--job", "provision-data")
    assert "data holds 0 of 2000000000 bytes" in provisioned
    assert headrace(module, store, "--pipeline", "module", "--job", "provision-data").count("data holds 0") == 1
    aws(store, "s3", "cp", f"{module}/boxes/data/raw/customers.csv", f"{APP}/data/{GROUPS}/raw/customers.csv")
    headrace(module, store, "--pipeline", "training", "--set", "settings=samples/settings.json")
    listed = aws(store, "s3", "ls", "--recursive", f"{APP}/results/")
    (run_of_model,) = {line.split(f"{GROUPS}/")[1] for line in listed.splitlines() if "/training-model-" in line}
    assert aws(store, "s3", "cp", f"{APP}/results/{GROUPS}/{run_of_model}", "-") == "[1.5, 2.0]\n"
    assert "/training-report-" in listed
    subprocess.run(
        ["aws", "s3", "cp", "-", f"{APP}/data/{GROUPS}/raw/customers.csv"],
        input=b"8,8\n",
        env={**os.environ, **store},
        check=True,
    )
    headrace(module, store, "--pipeline", "training", "--set", "settings=samples/settings.json")
    listed = aws(store, "s3", "ls", "--recursive", f"{APP}/results/")
    (second,) = {line.split(f"{GROUPS}/")[1] for line in listed.splitlines() if "/training-model-" in line} - {
        run_of_model
    }
    assert aws(store, "s3", "cp", f"{APP}/results/{GROUPS}/{second}", "-") == "[4.0, 4.0]\n"


def headrace(module: Path, store: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        command(module, *words), env={**os.environ, **store}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("box:data/gone/", "nothing lies at"),
        ("box:data/gone/file.csv", "does not exist"),
        ("s3://no-such-bucket/x/", "NoSuchBucket"),
    ],
)
def test_what_is_not_in_a_box_is_told(tmp_path: Path, store: dict[str, str], source: str, told: str) -> None:
    aws(store, "s3", "mb", "s3://boxes")
    env = {"UNIP_NAME": "x", "UNIP_TARGET": "x", "UNIP_SOURCE": source, "UNIP_DEFAULT": "", "UNIP_REQUIRED": "no"}
    done = run(tmp_path, shell.FETCH, store, **env)
    assert done.returncode == 1
    assert told in done.stderr


def test_a_box_that_can_not_be_looked_into_is_no_empty_box(tmp_path: Path, store: dict[str, str]) -> None:
    env: dict[str, Any] = {"UNIP_BOX": "data", "UNIP_CAPACITY": "5", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = run(tmp_path, shell.PROVISION, {**store, "AWS_MAX_ATTEMPTS": "1"}, **env)
    assert done.returncode != 0
    assert "holds" not in done.stdout
