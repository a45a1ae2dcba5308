"""The login of a cloud's identity, as a compiled job gets it: by AWS's services of others, which check signatures.

The lines of a build on GitLab run as they are; buildah stands for BuildKit, which runs the same Dockerfile.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from targets.runtime import compact
from tests.engine.test_release import base
from tests.tools import containers, moto
from tests.tools.process import find, program, run

pytestmark = pytest.mark.engine
GOLDEN = Path(__file__).resolve().parent.parent.parent / "fixtures/native/registries/expected/gitlab/.gitlab-ci.yml"
HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
TRUST = {"Effect": "Allow", "Principal": {"Federated": "ci"}, "Action": "sts:AssumeRoleWithWebIdentity"}
RIGHT = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
# What BuildKit is asked, asked of buildah: the same file, where its cloud is here, the same secrets, and the same place.
BUILDCTL = """\
#!/bin/sh
set -eu
shift
set -- "$@" --
while [ "$1" != -- ]; do
  case "$1" in
    --secret) set -- "$@" --secret "$2"; shift ;;
    --local) folder="${2#*=}"; shift ;;
    --output) there="${2#type=local,dest=}"; shift ;;
    --frontend) shift ;;
  esac
  shift
done
shift
sed -i "1a ENV AWS_ENDPOINT_URL=$AWS_ENDPOINT_URL" "$folder/Dockerfile"
exec buildah bud --quiet --no-cache --pull-never --network host "$@" \\
  --file "$folder/Dockerfile" --output "type=local,dest=$there" "$folder" > /dev/null
"""


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_compiled_build_signs_in_by_its_token(tmp_path: Path) -> None:
    program("buildah")
    image = base()
    data = yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))["ecr"]
    assert list(data["id_tokens"]) == ["HEADRACE_IDENTITY_TOKEN"]
    lines = [line.replace("python:3.12-slim-bookworm", image) for line in data["script"]]
    ends = next(at for at, line in enumerate(lines) if "type=local" in line)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "buildctl-daemonless.sh").write_text(BUILDCTL)
    (tmp_path / "bin" / "buildctl-daemonless.sh").chmod(0o755)
    aws = program("aws")
    with moto.server(unchecked=5) as url:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-central-1"}
        known = {**keys, "AWS_ENDPOINT_URL": url}
        role = [aws, "iam", "create-role", "--role-name=push", f"--assume-role-policy-document={policy(TRUST)}"]
        assert run(role, env=known).status == 0
        right = ["--role-name=push", "--policy-name=push", f"--policy-document={policy(RIGHT)}"]
        assert run([aws, "iam", "put-role-policy", *right], env=known).status == 0
        assert run([aws, "iam", "create-user", "--user-name=other"], env=known).status == 0
        made = run([aws, "iam", "create-access-key", "--user-name=other", "--output=json"], env=known)
        env = {
            **(containers.variables() if find("base-image") else {"BUILDAH_ISOLATION": "chroot"}),
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": url,
            "HEADRACE_LOGIN": compact("login"),
            "HEADRACE_IDENTITY_TOKEN": "a.b.c",
        }
        done = run(["sh", "-euc", "\n".join(lines[: ends + 1])], cwd=tmp_path, env=env, limit=80)
        assert done.status == 0, done.stderr
        # The server looks at signatures: a key that it knows is refused with another secret.
        key = json.loads(made.stdout)["AccessKey"]["AccessKeyId"]
        asked = [aws, "ecr", "get-authorization-token"]
        forged = run(asked, env={**known, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "forged"})
        assert forged.status != 0
    config = tmp_path / ".docker" / "config.json"
    assert config.stat().st_mode & 0o777 == 0o600
    held = json.loads(config.read_text())["auths"]
    assert base64.b64decode(held[HOST]["auth"]).startswith(b"AWS:123456789012-auth-token")
