"""The differences between what a run must come to and what an engine reports, as sentences."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from tests.engines.cases import Run
from tests.engines.seen import Seen, Statement

# What the harness itself puts into a checkout.
OF_THE_HARNESS = (".witness", "witness.py", ".gitignore")
# The clocks of jobs are one machine's; a job is taken to have waited where it began no earlier than this before.
CLOCK_SECONDS = 0.001


class Difference(NamedTuple):
    """What is not as it must be: of which kind (`known` speaks of these), of which job ("" is the run), in words."""

    topic: str
    job: str
    text: str

    def __str__(self) -> str:
        return f"[{self.topic}] {self.job or 'the run'} {self.text}"


def differences(run: Run, seen: Seen, tracked: dict[str, dict[str, Any]]) -> list[Difference]:
    """Every difference; `tracked` are the commit's files as witnesses describe files."""
    found: list[Difference] = []
    if seen.status != run.status:
        found.append(Difference("status", "", f"{seen.status}, not {run.status}"))
    found += _outcomes(run, seen)
    found += _witnesses(run, seen)
    found += _order(run, seen)
    for job, expected in run.saw.items():
        attempts = seen.of(job)
        if attempts:
            found += [Difference(topic, job, text) for topic, text in _saw(expected, attempts, tracked)]
    found += _secrets(run, seen)
    return found


def _outcomes(run: Run, seen: Seen) -> list[Difference]:
    found = []
    for job, expected in run.jobs.items():
        if job in run.calls and job not in seen.jobs:
            continue
        got = seen.jobs.get(job, "skipped")  # an engine says nothing of a job that its rules left out
        if got != expected:
            found.append(Difference("outcome", job, f"{got}, not {expected}"))
    found += [
        Difference("extra", job, f"{got} and is not expected") for job, got in seen.jobs.items() if job not in run.jobs
    ]
    return found


def _witnesses(run: Run, seen: Seen) -> list[Difference]:
    """A job that came to something ran, and one that was skipped did not."""
    found = []
    ran = {one.job for one in seen.testimonies}
    for job, expected in run.jobs.items():
        if job in run.held or expected == "skipped":
            if job in ran:
                found.append(Difference("ran", job, "ran"))
        elif job in seen.held:
            found.append(Difference("held", job, "did not run again"))
        elif job not in ran and job not in run.calls and run.saw.get(job) != {"witness": False}:
            found.append(Difference("witness", job, "left no testimony"))
    found += [Difference("extra", job, "ran and is not expected") for job in sorted(ran - set(run.jobs))]
    return found


def _order(run: Run, seen: Seen) -> list[Difference]:
    found = []
    for job, needs in run.after.items():
        for need in needs:
            first, then = seen.of(need), seen.of(job)
            if first and then and first[-1].ended > then[0].began + CLOCK_SECONDS:
                found.append(
                    Difference("order", job, f"began {first[-1].ended - then[0].began:.3f} s before {need} ended")
                )
    for early, late in run.beside:
        first, then = seen.of(early), seen.of(late)
        if first and then and first[0].began >= then[-1].ended:
            found.append(Difference("barrier", early, f"waited for {late}"))
    for lock in run.at_most:
        found += _beside_each_other(lock["jobs"], lock["limit"], seen)
    return found


def _beside_each_other(jobs: list[str], limit: int, seen: Seen) -> list[Difference]:
    """A job that began while so many others ran."""
    spans = [(one.began, one.ended, job) for job in jobs for one in seen.of(job)]
    found = []
    for began, _, job in spans:
        beside = [other for start, end, other in spans if start <= began < end - CLOCK_SECONDS]
        if len(beside) > limit:
            found.append(Difference("lock", job, f"ran beside {', '.join(sorted(set(beside) - {job}))}"))
    return found


def _saw(
    expected: dict[str, Any], attempts: list[Statement], tracked: dict[str, dict[str, Any]]
) -> list[tuple[str, str]]:
    last = attempts[-1]
    found: list[tuple[str, str]] = []
    if "attempts" in expected and len(attempts) != expected["attempts"]:
        found.append(("attempts", f"{len(attempts)} attempts, not {expected['attempts']}"))
    if "arguments" in expected and last.arguments != expected["arguments"]:
        found.append(("arguments", f"arguments {last.arguments!r}, not {expected['arguments']!r}"))
    if "folder" in expected and last.folder != expected["folder"]:
        found.append(("folder", f"ran in {last.folder!r}, not {expected['folder']!r}"))
    for name, value in expected.get("env", {}).items():
        if last.env.get(name) != value:
            found.append(("env", f"{name} is {last.env.get(name)!r}, not {value!r}"))
    if "files" in expected:
        found += _files(expected["files"], last, tracked)
    return found


def _files(expected: dict[str, Any], got: Statement, tracked: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """The files that are there beside the commit's: no more and no fewer."""
    wanted = {**tracked, **{path: described(said) for path, said in expected.items()}}
    there = {path: said for path, said in got.files.items() if path not in OF_THE_HARNESS}
    found = [("files", f"{path} is not there") for path in sorted(set(wanted) - set(there))]
    found += [("files", f"{path} is there") for path in sorted(set(there) - set(wanted))]
    for path in sorted(set(there) & set(wanted)):
        if any(there[path].get(key) != value for key, value in wanted[path].items()):
            found.append(("files", f"{path} is {there[path]}, not {wanted[path]}"))
    return found


def described(said: Any) -> dict[str, Any]:
    """What expected.json says of a file, as witnesses say it: its text, or {"text"?, "sha256"?, "executable"?, "link"?}."""
    if isinstance(said, str):
        return {"sha256": sha256(said.encode())}
    text = said.get("text")
    known = {key: value for key, value in said.items() if key != "text"}
    return known if text is None else {"sha256": sha256(text.encode()), **known}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _secrets(run: Run, seen: Seen) -> list[Difference]:
    """A secret's value is in no variable and no argument of a job that does not name it."""
    found = []
    for name, value in run.secrets.items():
        given = run.secret.get(name, [])
        for one in seen.testimonies:
            has = any(value in text for text in (*one.env.values(), *one.arguments))
            if has and one.job not in given:
                found.append(Difference("secret", one.job, f"sees the secret {name}"))
            if not has and one.job in given:
                found.append(Difference("secret", one.job, f"does not see the secret {name}"))
        if value in seen.log:
            found.append(Difference("log", "", f"shows the secret {name} in its log"))
    return found
