"""Containers for real: jobs in images, services beside them, volumes, and builds of what headrace writes.

The image is one that `.ci/tools` made, a Debian with its own Python: it stands in for those that jobs name.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools import run
from tests.tools.containers import IMAGE, containers
from tests.tools.process import Completed

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parents[2]
HEAD = "version: 1\nname: boxes\n"
WHO = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]


class Place:
    """A repository with a manifest, and headrace run in it through podman."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.folder.mkdir()
        self.cache = folder / "cache"
        self.env = {**containers(), "PYTHONPATH": str(ROOT), "HOME": str(folder)}

    def commit(self, manifest: str, **files: str) -> None:
        for name, text in {"headrace.yaml": HEAD + manifest, **files}.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        for words in (["init", "--quiet", "."], ["add", "--all"], [*WHO, "commit", "--quiet", "--message", "test"]):
            subprocess.run(["git", *words], cwd=self.folder, check=True)

    def headrace(self, *words: str, **more: str) -> Completed:
        argv = [sys.executable, "-m", "compiler", *words]
        return run(argv, cwd=self.folder, env={**self.env, **more}, limit=120)

    def run(self, *words: str, **more: str) -> Completed:
        return self.headrace(
            "run", "--cache", str(self.cache), "--color", "never", "--engine", "podman", *words, **more
        )

    def jobs(self, done: Completed) -> dict[str, str]:
        """How the jobs of a run ended."""
        found = re.search(r"^run: .*/([^/\n]+)$", done.stdout, re.MULTILINE)
        assert found is not None, done.stdout + done.stderr
        shown = self.headrace("runs", "show", found[1], "--format", "json", "--cache", str(self.cache))
        record: dict[str, Any] = json.loads(shown.stdout)
        return {child["name"]: child["status"] for child in record["children"]}

    def podman(self, *words: str) -> Completed:
        return run(["podman", *words], env=self.env)


def containers_of(done: Completed, place: Place) -> list[str]:
    """What a run left of its containers; other tests have some of their own at the same time."""
    found = re.search(r"\brun (\S+) of ", done.stdout)
    assert found is not None, done.stdout
    names = place.podman("ps", "--all", "--format", "{{.Names}}").stdout.split()
    return [name for name in names if name.startswith(f"headrace-{found[1]}")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_job_runs_in_its_image(place: Place) -> None:
    """Values arrive as they are, outputs leave and arrive, and the machine's own files are out of sight."""
    outside = place.folder.parent / "outside.txt"
    outside.write_text("here", encoding="utf-8")
    place.commit(
        f"""\
secrets: {{TOKEN: {{}}}}
jobs:
  make:
    environment: {{image: "{IMAGE}"}}
    env: {{GREETING: "it's $HOME `id`"}}
    run: |
      test ! -e {outside}
      printf %s "$GREETING" > said.txt
      python -c "import os; print('pid', os.getpid())"
      test "$TOKEN" = s3cret-token && echo "$TOKEN"
    secrets: [TOKEN]
    outputs: [said.txt]
  read:
    needs: [make]
    environment: {{image: "{IMAGE}"}}
    run: |
      cat said.txt; test -z "${{TOKEN:-}}"
"""
    )
    done = place.run(TOKEN="s3cret-token")
    assert place.jobs(done) == {"make": "succeeded", "read": "succeeded"}, done.stdout
    assert "it's $HOME `id`" in done.stdout
    assert "s3cret-token" not in done.stdout + done.stderr


def test_a_container_ends_with_its_job(place: Place) -> None:
    """Its status is the job's; one that takes too long is ended, whatever it does."""
    place.commit(
        f"""\
jobs:
  three: {{environment: {{image: "{IMAGE}"}}, run: exit 3, retry: {{max: 1, exit_codes: [4]}}}}
  slow: {{environment: {{image: "{IMAGE}"}}, run: "trap '' TERM; sleep 100", timeout: 5s}}
"""
    )
    done = place.run()
    assert place.jobs(done) == {"three": "failed", "slow": "failed"}
    assert "it ended with status 3" in done.stdout
    assert containers_of(done, place) == []


def test_a_sidecar_answers_and_goes(place: Place) -> None:
    place.commit(
        f"""\
jobs:
  talk:
    environment: {{image: "{IMAGE}"}}
    sidecars:
      - {{name: web, image: "{IMAGE}", command: [python, -m, http.server, "8000"], port: 8000, env: {{A: b}}}}
    run: |
      python -c "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)" \\
        "http://{{{{ sidecars.web.host }}}}:{{{{ sidecars.web.port }}}}/"
"""
    )
    done = place.run()
    assert place.jobs(done) == {"talk": "succeeded"}, done.stdout
    assert re.search(r"talk +\| 200$", done.stdout, re.MULTILINE)
    assert containers_of(done, place) == []


def test_a_volume_holds_across_jobs_and_runs(place: Place) -> None:
    place.commit(
        f"""\
jobs:
  write:
    environment: {{image: "{IMAGE}"}}
    volumes: [{{name: models, path: /models}}, {{name: scratch, path: /scratch, size: 1Gi}}]
    run: date +%s%N >> /models/log; touch /scratch/x
  read:
    needs: [write]
    environment: {{image: "{IMAGE}"}}
    volumes: [{{name: models, path: /models, read_only: true}}]
    run: wc -l < /models/log; ! touch /models/y
"""
    )
    try:
        first, second = place.run(), place.run("--force")
        assert place.jobs(first) == {"write": "succeeded", "read": "succeeded"}, first.stdout
        assert [re.findall(r"read +\| ([0-9]+)$", one.stdout, re.MULTILINE) for one in (first, second)] == [
            ["1"],
            ["2"],
        ]
    finally:
        place.podman("volume", "rm", "--force", "headrace-boxes-models")
    refused = place.headrace("run", "--cache", str(place.cache), "--engine", "none", "--color", "never")
    assert refused.status == 1
    assert 'the volume "models" can\'t be mounted at "/models"' in refused.stdout + refused.stderr


def test_what_is_built_is_what_jobs_run_in(place: Place) -> None:
    place.commit(
        """\
environments:
  made: {build: {context: ., file: Dockerfile, args: {WORD: "two words"}}}
jobs:
  use: {environment: made, run: "cat /made.txt"}
""",
        Dockerfile=f'FROM {IMAGE}\nARG WORD\nRUN echo "made of $WORD" > /made.txt\n',
    )
    first, second = place.run(), place.run("--force", "--job", "use")
    assert place.jobs(first) == {"build-made": "succeeded", "use": "succeeded"}, first.stdout
    for done in (first, second):
        assert re.search(r"use +\| made of two words$", done.stdout, re.MULTILINE), done.stdout


def test_a_dockerfile_of_ours_is_built_and_run(place: Place) -> None:
    """Built by buildah as it is compiled, with its secret; it runs as nobody else's user, in its folder, with its command."""
    place.commit(
        """\
secrets: {PIP_INDEX_URL: {}}
environments:
  app:
    python: "3.12"
    install: pip
    file: requirements.txt
    build:
      generate: true
      context: .
      secrets: [PIP_INDEX_URL]
      command: [python, app.py, "it's $HOME"]
      checks: [[python, app.py, checked]]
    publish: {repository: team/app, tags: [latest], registry: registry.example.com}
jobs:
  use: {environment: app, run: python app.py}
""",
        **{
            "requirements.txt": "# nothing\n",
            "app.py": "import os, sys\nprint(os.getuid(), os.getcwd(), sys.argv[1:])\n",
        },
    )
    done = place.headrace("compile", "--target", "github", "--output", str(place.folder))
    files = sorted(place.folder.rglob("*ockerfile"))
    assert files, done.stdout + done.stderr
    secret = place.folder.parent / "secret"
    secret.write_text("https://index.example/simple\n", encoding="utf-8")
    line = ["buildah", "bud", "--pull-never", "--tag", "localhost/headrace-test", "--file", str(files[0])]
    built = run([*line, "--secret", f"id=PIP_INDEX_URL,src={secret}", str(place.folder)], env=place.env, limit=180)
    try:
        assert built.status == 0, built.stdout + built.stderr
        ran = place.podman("run", "--rm", "localhost/headrace-test")
        assert ran.stdout == '10001 /app ["it\'s $HOME"]\n', ran
        places = ["/app", "/home", "/root", "/run", "/tmp", "/var"]
        search = ["--user", "0", "--entrypoint", "grep", "localhost/headrace-test", "-rl", "index.example", *places]
        assert place.podman("run", "--rm", *search).stdout == ""
        assert "index.example" not in place.podman("inspect", "localhost/headrace-test").stdout
    finally:
        place.podman("rmi", "--force", "localhost/headrace-test")


def test_the_store_is_not_the_users(place: Place) -> None:
    images = place.podman("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    assert IMAGE in images
    assert os.environ.get("CONTAINERS_STORAGE_CONF") != place.env["CONTAINERS_STORAGE_CONF"]
