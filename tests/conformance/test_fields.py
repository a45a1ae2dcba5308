"""Nothing is lost: whatever a lowered project says, changing it changes the output or the findings."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

import pytest

from compiler.ir import Project
from targets import TARGETS
from tests.conformance.cases import CASES, compiled, emit, lowered
from tests.conformance.fields import changes


class Unseen(NamedTuple):
    """A field that a target does not look at, in some places or anywhere, and why that loses nothing."""

    target: str  # or * for all
    field: str  # CLASS.FIELD, a regular expression
    place: str  # a regular expression; NOWHERE where the target never looks
    reason: str


NOWHERE = ".*"
SOME = r".+"  # in some places: in another one the field is seen

UNSEEN = (
    # What the compiler itself has used by then.
    Unseen("*", r"Job\.datasets|Input\.dataset", SOME, "lowered to inputs and needs; a store looks at its dataset"),
    Unseen("*", r"Job\.shell", NOWHERE, "the script holds it"),
    Unseen("*", r"Job\.working_directory", SOME, "a script of ours runs at the root, whose paths it is given"),
    Unseen("*", r"Environment\.name", SOME, "a name for people; a built environment's image is a Ref"),
    Unseen("*", r"Environment\.working_directory", SOME, "nothing is installed, so nowhere"),
    Unseen("*", r"Environment\.python", SOME, "it has chosen the image"),
    Unseen("*", r"Environment\.base", SOME, "the build says it; caches look at it"),
    Unseen("*", r"\w+\.\w+", r".*\.environment\.(build|publish)\..*", "the job that builds the image holds it, too"),
    Unseen("*", r"Identity\.\w+", r"identities\[.*", "jobs hold the identities that they take on"),
    Unseen("*", r"Secret\.name", r"secrets\[.*", "uses name it"),
    Unseen("*", r"Parameter\.(minimum|maximum|type|required)", SOME, "the first job's arguments hold them"),
    Unseen("*", r"EnvVar\.\w+", r"pipelines\[\d+\]\.env.*", "jobs hold their pipeline's variables"),
    # What means nothing where other things stand beside it.
    Unseen("*", r"Exec\.switches_at", SOME, "there are no switches"),
    Unseen("*", r"Need\.artifacts", SOME, "the needed job leaves nothing"),
    Unseen("*", r"Need\.legs", SOME, "the needed job has no legs"),
    Unseen("*", r"Need\.optional", SOME, "what runs on failure or always does so whether a need was skipped or not"),
    Unseen("*", r"Input\.path", SOME, "an edge, and otherwise of use to caches and stores alone"),
    Unseen("*", r"Artifact\.kind", SOME, "for people; metrics alone are read"),
    Unseen("*", r"(Runner|Accelerator|Amounts)\.\w+", SOME, "the same runner is the smallest that fits"),
    Unseen("*", r"EnvVar\.\w+|Job\.timeout", r"pipelines\[0\]\.jobs\[[23]\].*", "calls: the called pipeline's jobs have theirs"),
    Unseen("*", r"Deploy\.platform", SOME, "documents of every platform are applied alike"),
    Unseen("*", r"Store\.(kind|name|url)|Identity\.\w+|Artifact\.size", SOME, "said by the URL, by uses, or to people"),
    # What a target does otherwise, as its notes say.
    Unseen("gitlab", r"Support\.refs", SOME, "a parameter is a variable of the pipeline, which every job has anyway"),
    Unseen("argo", r"(Artifact|ChangedFiles)\.keep", NOWHERE, "the note asks for a lifecycle rule of the bucket"),
    Unseen("argo", r"Artifact\.dataset", NOWHERE, "a store holds datasets by their paths"),
    Unseen("argo", r"Approval\.to", NOWHERE, "the note says that rights on workflows decide"),
    Unseen("argo", r"Deploy\.(to|url|service)", NOWHERE, "there are no deployment environments"),
    Unseen("argo", r"OnPush\.branches|OnSchedule\.\w+", SOME, "without the repository's address nothing starts it, as a warning says"),
    Unseen("argo", r"Cache\.share", NOWHERE, "entries are found by their content, whoever made them"),
    Unseen("argo", r"Concurrency\.group", SOME, "a superseded run is known by the group's values"),
    Unseen("argo", r"Secret\.store", SOME, "the CI's own secrets are the cluster's"),
    Unseen("github|gitlab", r"SecretUse\.optional", NOWHERE, "a secret that is not there is an empty variable"),
    Unseen("github|gitlab", r"Secret\.path", r"secrets\[.*", "of the CI's own: where a cluster holds it"),
    Unseen("github", r"Deploy\.service", SOME, "for people, where the service has no address"),
    Unseen("github", r"BuildImage\.environment", SOME, "the image has a name of its own, and no job runs in it"),
    Unseen("github", r"Artifact\.name", NOWHERE, "a job's outputs travel as one file"),
    Unseen("github", r"SecretUse\.file", SOME, "the Dockerfile names where a build mounts it"),
    Unseen("gitlab", r"Compare\.values", SOME, "an event that starts no such pipeline"),
    Unseen("gitlab", r"Artifact\.name", NOWHERE, "a job's outputs travel as one archive"),
    Unseen("gitlab", r"Approval\.to", SOME, "the deployment names the same environment"),
    Unseen("gitlab", r"Deploy\.service", NOWHERE, "for people"),
    Unseen("gitlab", r"Pipeline\.name", SOME, "the first pipeline is the main file's"),
    Unseen("gitlab", r"Job\.run_on", SOME, "a job that waits for a person runs when that person says so"),
)  # fmt: skip


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_field_is_seen(name: str) -> None:
    unseen, seen = defaultdict(set), set()
    alive: set[str] = set()
    for case in CASES:
        project = lowered(case).project
        if compiled(case, name).failed:
            continue
        before = outcome(only(project, name), name)
        for field, place, changed in changes(project, name):
            if (case.name, place) in seen or excused(name, field, place, field in alive):
                continue  # another value was seen there, or nobody asks
            if outcome(changed, name) == before:
                unseen[field, place].add(case.name)
            else:
                seen.add((case.name, place))
                alive.add(field)
    dead = {
        f"{field} in {case}: {place}"
        for (field, place), cases in unseen.items()
        for case in cases
        if (case, place) not in seen and not excused(name, field, place, field in alive)
    }
    assert sorted(dead) == []


def excused(name: str, field: str, place: str, seen_elsewhere: bool) -> bool:
    return any(
        re.fullmatch(one.field, field) and re.fullmatch(one.place, place)
        for one in UNSEEN
        if (one.target == "*" or name in one.target.split("|"))
        and (one.place != SOME or seen_elsewhere or one.target == "*")
    )


def only(project: Project, name: str) -> Project:
    return project.replace(settings=tuple(one for one in project.settings if one.target == name))


def outcome(project: Project, name: str) -> object:
    """What a target makes of a project. One that is not whole any more may be refused by an exception."""
    try:
        output = emit(project, name)
    except (AssertionError, LookupError, RuntimeError, StopIteration, TypeError, ValueError) as error:
        return type(error)
    return output.files, [(one.code.number, one.severity, one.message) for one in output.found]


@pytest.mark.parametrize("one", UNSEEN, ids=lambda one: f"{one.target}-{one.field}")
def test_no_reason_is_left_over(one: Unseen) -> None:
    """Each excuse names a field that some case says."""
    fields = {field for case in CASES for field, _, _ in changes(lowered(case).project, "")}
    assert any(re.fullmatch(one.field, field) for field in fields)
