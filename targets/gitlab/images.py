"""Images: which one a job runs in, and the job that builds one with rootless BuildKit.

https://docs.gitlab.com/ci/docker/using_buildkit/
"""

from __future__ import annotations

from compiler.images import HELPER
from compiler.ir import BuildImage, Ref, dockerfile_of
from targets.commands import literal, pinned, variable, word
from targets.gitlab.values import ON_CHANGE_REQUEST, expanded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Environment, Identity, Job, Pipeline, Project, Publish, Settings, Text

REGISTRY = "$CI_REGISTRY_IMAGE"
RELEASES = '[ -n "${CI_COMMIT_TAG-}" ]'
DOTENV = ".headrace/image.env"
# Whose registry credentials the job writes: the project's own, or what a variable of the project holds.
LOGIN_HERE = (
    'printf \'{"auths":{"%s":{"username":"%s","password":"%s"}}}\' "$CI_REGISTRY" "$CI_REGISTRY_USER" '
    '"$CI_REGISTRY_PASSWORD" > "$HOME/.docker/config.json"'
)
LOGIN_ELSEWHERE = 'printf %s "$DOCKER_AUTH_CONFIG" > "$HOME/.docker/config.json"'


def _action(job: Job) -> BuildImage:
    assert isinstance(job.action, BuildImage)
    return job.action


def name_of(job: Job) -> str:
    """What a build's image is called: as its environment, else as the job."""
    return _action(job).environment or job.name


def repository(job: Job, settings: Settings) -> Text:
    """Where an image lies in its registry, as text in which GitLab's variables are expanded."""
    publish = _action(job).publish
    registry = registry_of(_action(job), settings)
    base = registry.rstrip("/") if registry else REGISTRY
    name = publish.repository if publish is not None and publish.repository else (_path(name_of(job)),)
    return (f"{base}/", *name)


_BETWEEN = (".", "_", "__", "-")


def _path(name: str) -> str:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests: no capitals."""
    import re

    return re.sub(r"[^a-z0-9]+", lambda found: found[0] if found[0] in _BETWEEN else "-", name.lower()).strip("-._")


def repository_text(job: Job, settings: Settings) -> str:
    """The same with its holes as variables."""
    base, *name = repository(job, settings)
    return str(base) + expanded(tuple(name))


def references(pipeline: Pipeline, settings: Settings) -> dict[str, str]:
    """The image that each built environment means: that of this commit."""
    found = {}
    for job in pipeline.jobs:
        if isinstance(job.action, BuildImage) and job.action.environment is not None:
            place = repository_text(job, settings)
            found[job.action.environment] = f"{place}:$CI_COMMIT_SHA"
    return found


def is_elsewhere(action: BuildImage, settings: Settings) -> bool:
    """Whether the registry is not the project's own."""
    return bool(registry_of(action, settings))


def registry_of(action: BuildImage, settings: Settings) -> str | None:
    """The registry that the manifest names; None is the project's own."""
    return (action.publish.registry if action.publish is not None else None) or settings.registry


def sign_in_lines(by: Identity, registry: str, project: Project) -> list[str]:
    """The login of a cloud's identity, as Docker's configuration: BuildKit's image has no program that could get one.

    BuildKit itself runs the script, in an image that has Python; the script and the job's token are secrets of that
    build, and its result is a file here, so that the login is in no image, no cache and no artifact.
    """
    import json

    from targets import logins

    words = ["python3", "-I", "/run/secrets/script", *logins.arguments(by, registry)]
    words += ["--token=/run/secrets/token", "--to=/login/config.json"]
    file = (
        f"FROM {pinned(project, HELPER)} AS login",
        f"RUN --mount=type=secret,id=script --mount=type=secret,id=token {json.dumps(words)}",
        "FROM scratch",
        "COPY --from=login /login/ /",
    )
    return [
        'HEADRACE_FOLDER="$(mktemp -d)"',
        f"printf '%s\\n' {' '.join(map(literal, file))} > \"$HEADRACE_FOLDER/Dockerfile\"",
        (
            "buildctl-daemonless.sh build --frontend dockerfile.v0 --no-cache \\\n"
            '  --local context="$HEADRACE_FOLDER" --local dockerfile="$HEADRACE_FOLDER" \\\n'
            "  --secret id=script,env=HEADRACE_LOGIN --secret id=token,env=HEADRACE_IDENTITY_TOKEN \\\n"
            '  --output "type=local,dest=$HOME/.docker"'
        ),
    ]


def build_lines(
    job: Job, settings: Settings, *, leaves: bool, on_change_request: bool, sign_in: list[str]
) -> list[str]:
    """The build, and outside of change requests the push; the digest goes to the jobs that need this one.

    `leaves` says whether anybody is to get the image, `on_change_request` whether the job may run on one at all, and
    `sign_in` are the lines by which a cloud's identity signs in: nobody does on a change request.
    """
    action = _action(job)
    build = action.build
    context = literal(build.context or ".")
    folder, _, name = dockerfile_of(build).rpartition("/")
    options = [
        "--frontend dockerfile.v0",
        f"--local context={context}",
        f"--local dockerfile={literal(folder or '.')}",
        f"--opt filename={literal(name)}",
    ]
    options.extend(f"--opt build-arg:{argument.name}={word(argument.value)}" for argument in build.args)
    if build.target:
        options.append(f"--opt target={literal(build.target)}")
    if build.platforms:
        options.append(f"--opt platform={literal(','.join(build.platforms))}")
    for use in build.secrets:
        name = use.env or use.secret
        options.append(f"--secret id={name},{f'src={literal(use.file)}' if use.file else f'env={name}'}")
    if action.publish is None or action.publish.provenance is not False:
        options.append("--opt attest:provenance=mode=max")
    options.append('--import-cache "type=registry,ref=$HEADRACE_REPOSITORY:cache"')
    build_line = "buildctl-daemonless.sh build " + " \\\n  ".join(options)
    only_built = f'{build_line} \\\n  --output "type=image,push=false"'
    before = ['mkdir -p "$HOME/.docker" .headrace', *_login(action, settings, sign_in)]
    if not leaves:
        return [*before, only_built]
    pushed = [
        *sign_in,
        *_tag_lines(action.publish),
        (
            f"{build_line} \\\n"
            '  --export-cache "type=registry,ref=$HEADRACE_REPOSITORY:cache,mode=max" \\\n'
            "  --metadata-file .headrace/build.json \\\n"
            '  --output "type=image,\\"name=$HEADRACE_TAGS\\",push=true"'
        ),
        'HEADRACE_DIGEST="$(sed -n \'s/.*"containerimage.digest": *"\\([^"]*\\)".*/\\1/p\' .headrace/build.json)"',
        f'echo "{_variable_of(job)}=$HEADRACE_REPOSITORY@$HEADRACE_DIGEST" > {DOTENV}',
    ]
    if not on_change_request:
        return [*before, *pushed]
    body = [f"if {ON_CHANGE_REQUEST}; then", only_built, f"touch {DOTENV}", "else", *pushed, "fi"]
    return [*before, "\n".join(body)]


def ahead_lines(
    action: BuildImage,
    software: Environment,
    settings: Settings,
    variables: tuple[str, ...],
    *,
    on_change_request: bool,
    sign_in: list[str],
) -> list[str]:
    """An environment that is built ahead: only where the registry does not have it, under the tag of its packages.

    What the registry has gets the commit's tag too: a build from an image alone fetches and pushes no layer.
    """
    from targets import prebuilt

    held = (
        "buildctl-daemonless.sh build --frontend dockerfile.v0 \\\n"
        "  --local context=.headrace/held --local dockerfile=.headrace/held"
    )
    options = ["--frontend dockerfile.v0", "--local context=.", "--local dockerfile=.headrace"]
    options.extend(f'--opt "build-arg:{name}=${name}"' for name in variables)
    if action.publish is None or action.publish.provenance is not False:
        options.append("--opt attest:provenance=mode=max")
    build = "buildctl-daemonless.sh build " + " \\\n  ".join(options)
    key = [
        *prebuilt.key_lines(software),
        "mkdir -p .headrace/held",
        'echo "FROM $HEADRACE_REPOSITORY:$HEADRACE_KEY" > .headrace/held/Dockerfile',
    ]
    pushed = [
        *_tag_lines(action.publish),
        f'{held} \\\n  --output "type=image,\\"name=$HEADRACE_TAGS\\",push=true" ||',
        (f'{build} \\\n  --output "type=image,\\"name=$HEADRACE_REPOSITORY:$HEADRACE_KEY,$HEADRACE_TAGS\\",push=true"'),
    ]
    before = ['mkdir -p "$HOME/.docker"', *_login(action, settings, sign_in)]
    if not on_change_request:
        return [*before, *sign_in, "\n".join(key), *pushed]
    only_built = [f"{held} ||", f'{build} \\\n  --output "type=image,push=false"']
    return [*before, "\n".join([*key, f"if {ON_CHANGE_REQUEST}; then", *only_built, "else", *sign_in, *pushed, "fi"])]


def _login(action: BuildImage, settings: Settings, sign_in: list[str]) -> list[str]:
    if sign_in:
        return []
    return [LOGIN_ELSEWHERE if is_elsewhere(action, settings) else LOGIN_HERE]


def _variable_of(job: Job) -> str:
    """The variable of the built image's reference; a report's variables win over those of the file."""
    return variable(Ref(kind="images", name=name_of(job)))


def _tag_lines(publish: Publish | None) -> list[str]:
    """Names of the image, the commit's first: who runs in it refers to that one."""
    lines = ['HEADRACE_TAGS="$HEADRACE_REPOSITORY:$CI_COMMIT_SHA"']
    for tag in publish.tags if publish is not None else ():
        flat = tag[0] if len(tag) == 1 and isinstance(tag[0], str) else None
        match flat:
            case "commit":
                continue
            case "branch":
                lines.append(_when('[ -z "${CI_COMMIT_TAG-}" ]', "$CI_COMMIT_REF_SLUG"))
            case "tag" | "release" | "version":
                said = "${CI_COMMIT_TAG#v}" if flat == "version" else "$CI_COMMIT_TAG"
                lines.append(_when(RELEASES, f"$(printf %s \"{said}\" | tr -c 'A-Za-z0-9_.-' '-')"))
            case "latest":
                lines.append(_when('[ "${CI_COMMIT_BRANCH-}" = "$CI_DEFAULT_BRANCH" ]', "latest"))
            case _:
                said = word(tag)
                if flat is None:  # a branch's name, and what else a run brings, may hold what no tag does
                    said = f"\"$(printf %s {said} | tr -c 'A-Za-z0-9_.-' - | sed 's/^[-.]*//' | cut -c 1-128)\""
                lines.append(f'HEADRACE_TAGS="$HEADRACE_TAGS,$HEADRACE_REPOSITORY:"{said}')
    return list(dict.fromkeys(lines))


def _when(test: str, tag: str) -> str:
    return f'if {test}; then HEADRACE_TAGS="$HEADRACE_TAGS,$HEADRACE_REPOSITORY:{tag}"; fi'
