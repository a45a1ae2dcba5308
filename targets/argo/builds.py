"""Images: built without root by BuildKit in a pod, pushed everywhere but on change requests.

https://github.com/moby/buildkit/blob/v0.32.2/docs/rootless.md and its examples/kubernetes/job.rootless.yaml: the
process sandbox is off, seccomp and AppArmor are unconfined, the user is 1000.
"""

from __future__ import annotations

from posixpath import basename, dirname

from compiler import images as known_images
from compiler.ir import BuildImage, OnChangeRequest, Ref, dockerfile_of
from targets import commands, logins, prebuilt
from targets.argo import artifacts, jobs, pods, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Build, Identity, Job, Publish, Text
    from targets.argo.scope import Scope

DOCKER = "/home/user/.docker"
METADATA = "/tmp/metadata.json"
DIGEST = "/tmp/digest"
RELEASE_TAGS = {
    "branch": "HEADRACE_GIT_BRANCH",
    "tag": "HEADRACE_GIT_TAG",
    "release": "HEADRACE_GIT_TAG",
    "version": "HEADRACE_GIT_TAG",
}
SLUG = "slug() { printf %s \"$1\" | tr -c 'A-Za-z0-9_.-' - | sed 's/^[-.]*//' | cut -c 1-128; }"


def digest_name(scope: Scope, environment: str) -> str:
    """The run-wide value with the digest of the image that was pushed."""
    return scope.names.add(f"digest-{spelling.short(environment, 40)}")


def facts(job: Job) -> set[str]:
    """What a build asks of the run."""
    action = job.action
    assert isinstance(action, BuildImage)
    wanted = {"commit"}
    for tag in action.publish.tags if action.publish is not None else ():
        flat = commands.flat(tag)
        if flat == "branch":
            wanted.add("branch")
        elif flat in ("tag", "release", "version"):
            wanted.add("tag")
        elif flat == "latest":
            wanted.update(("branch", "tag", "default_branch"))
    return wanted


def template(scope: Scope, job: Job, name: str, known: dict[str, Job]) -> dict[str, Any]:
    action = job.action
    assert isinstance(action, BuildImage)
    pushed = scope.images.is_pushed(job)
    environment = action.environment or job.name
    made = pods.pod(scope, job)
    _rootless(made)
    if pushed:
        _login(scope, job, made)
    secrets = _secrets(scope, action.build, made)
    arrivals = artifacts.arrivals(scope, job, known)
    exports, env = jobs.variables(scope, job)
    env += _variables(scope, action.publish, pushed)
    env.append({"name": "BUILDKITD_FLAGS", "value": "--oci-worker-no-process-sandbox"})
    lines = [*exports, *arrivals.lines]
    if action.software is not None:
        variables = tuple(variable.name for variable in job.env)
        env.append(
            {
                "name": prebuilt.VARIABLE,
                "value": spelling.plain(prebuilt.dockerfile(action.software, variables, scope.project)),
            }
        )
        lines += _ahead(scope, action, scope.images.repository(environment), variables)
    else:
        lines.append(f"set -- {_arguments(action.build, secrets)}")
        if pushed:
            lines += _push(scope, action.publish, scope.images.repository(environment))
        lines.append(f'buildctl-daemonless.sh build "$@" --metadata-file={METADATA}')
    lines.append(
        f'sed -n \'s/.*"containerimage.digest": *"\\(sha256:[0-9a-f]*\\)".*/\\1/p\' {METADATA} | head -n 1 > {DIGEST}'
    )
    body = jobs.script(scope.pinned(known_images.BUILDKIT), lines, env, made)
    body["securityContext"] = {
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "Unconfined"},
        "appArmorProfile": {"type": "Unconfined"},
    }
    body["source"] = body.pop("source")
    digest = digest_name(scope, environment)
    parameters = [{"name": "digest", "valueFrom": {"path": DIGEST}, "globalName": digest}] if pushed else None
    return jobs.assemble(scope, job, name, made, arrivals, {"script": body}, parameters)


def _rootless(made: pods.Pod) -> None:
    made.mount({"name": "buildkit", "emptyDir": {}}, "/home/user/.local/share/buildkit")


def _login(scope: Scope, job: Job, made: pods.Pod) -> None:
    by = logins.identity(job, scope.project.identities)
    if by is not None:
        _sign_in(scope, job, by, made)
        return
    held = {"secretName": scope.images.secret, "items": [{"key": ".dockerconfigjson", "path": "config.json"}]}
    made.mount({"name": "registry", "secret": held}, DOCKER, readOnly=True)


def _sign_in(scope: Scope, job: Job, by: Identity, made: pods.Pod) -> None:
    """The login of the pod's own identity, which a container before BuildKit's leaves in memory for it."""
    registry = scope.images.registry(scope.images.name_of(job))
    if registry is None or not logins.check(job, by, registry, "Argo Workflows", scope.sink):
        return  # said, too, where no registry is named
    asked = [*logins.arguments(by, registry, in_pod=True), f"--to={DOCKER}/config.json"]
    line = f'python3 -I -c "$HEADRACE_LOGIN" {" ".join(map(commands.literal, asked))}'
    env = [jobs.carried(scope, "login")]
    if _has_changes(scope):
        env.append({"name": "HEADRACE_EVENT", "value": "{{workflow.parameters.event}}"})
        line = f'if [ "$HEADRACE_EVENT" != change_request ]; then {line}; fi'
    made.mount({"name": "registry", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, DOCKER, readOnly=True)
    place = {key: value for key, value in made.mounts[-1].items() if key != "readOnly"}
    made.init.append(
        {
            "name": "login",
            "image": scope.pinned(known_images.HELPER),
            "command": ["sh", "-euc", spelling.plain(spelling.shell(line))],
            "env": env,
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "allowPrivilegeEscalation": False},
            "volumeMounts": [place],
        }
    )


def _secrets(scope: Scope, build: Build, made: pods.Pod) -> list[str]:
    """Build secrets: from the pod's variables or files into the build, never into a layer."""
    arguments = []
    for use in build.secrets:
        pods.secret(scope, use, made)
        known = use.env or use.secret
        source = f"src={use.file}" if use.file is not None else f"env={known}"
        arguments.append(f"--secret=id={known},{source}")
    return arguments


def _arguments(build: Build, secrets: list[str]) -> str:
    context = build.context or "."
    file = dockerfile_of(build)
    given: list[Text] = [
        ("--frontend=dockerfile.v0",),
        (f"--local=context={context}",),
        (f"--local=dockerfile={dirname(file) or '.'}",),
        (f"--opt=filename={basename(file)}",),
    ]
    if build.target is not None:
        given.append((f"--opt=target={build.target}",))
    if build.platforms:
        given.append((f"--opt=platform={','.join(build.platforms)}",))
    given += [(f"--opt=build-arg:{argument.name}=", *argument.value) for argument in build.args]
    given += [(secret,) for secret in secrets]
    return commands.words(tuple(given))


def _variables(scope: Scope, publish: Publish | None, pushed: bool) -> list[dict[str, Any]]:
    if not pushed:
        return []
    wanted = ["commit"]
    for tag in publish.tags if publish is not None else ():
        flat = commands.flat(tag) or ""
        if flat == "latest":
            wanted += ["branch", "tag", "default_branch"]
        elif flat in RELEASE_TAGS:
            wanted.append(RELEASE_TAGS[flat].removeprefix("HEADRACE_GIT_").lower())
    env = []
    for name in dict.fromkeys(wanted):
        value = "{{" + scope.fact(name) + "}}" if name == "commit" else scope.guarded(scope.fact(name))
        env.append({"name": f"HEADRACE_GIT_{name.upper()}", "value": value})
    if _has_changes(scope):
        env.append({"name": "HEADRACE_EVENT", "value": "{{workflow.parameters.event}}"})
    return env


def _has_changes(scope: Scope) -> bool:
    return any(isinstance(trigger, OnChangeRequest) for trigger in scope.pipeline.triggers)


def _push(scope: Scope, publish: Publish | None, repository: str) -> list[str]:
    """Lines that add the tags and the push to the build's arguments."""
    image = commands.literal(repository)
    lines = [f"image={image}", 'names="$image:$HEADRACE_GIT_COMMIT"']
    tags = publish.tags if publish is not None else ()
    if any(commands.flat(tag) != "commit" for tag in tags):
        lines.insert(0, SLUG)
    for tag in tags:
        lines.extend(_tag(tag))
    provenance = publish is None or publish.provenance is not False
    options = [
        '--output="type=image,\\"name=$names\\",push=true"',
        '--export-cache="type=registry,ref=$image:buildcache,mode=max"',
        *(["--opt=attest:provenance=mode=max"] if provenance else []),
    ]
    pushing = f'set -- "$@" {" ".join(options)}'
    lines.append('set -- "$@" --import-cache="type=registry,ref=$image:buildcache"')
    if _has_changes(scope):
        return [*lines, f'if [ "$HEADRACE_EVENT" != change_request ]; then {pushing}; fi']
    return [*lines, pushing]


def _ahead(scope: Scope, action: BuildImage, repository: str, variables: tuple[str, ...]) -> list[str]:
    """An environment that is built ahead: only where the registry does not have it, under the tag of its packages.

    What the registry has gets the commit's tag too: a build from an image alone fetches and pushes no layer.
    """
    assert action.software is not None
    build = "buildctl-daemonless.sh build --frontend=dockerfile.v0"
    held = f"{build} --local=context=.headrace/held --local=dockerfile=.headrace/held --metadata-file={METADATA}"
    given = "".join(f' --opt="build-arg:{name}=${name}"' for name in variables)
    provenance = action.publish is None or action.publish.provenance is not False
    attested = " --opt=attest:provenance=mode=max" if provenance else ""
    build += f" --local=context=. --local=dockerfile=.headrace{given}{attested} --metadata-file={METADATA}"
    lines = [
        *prebuilt.key_lines(action.software),
        f"image={commands.literal(repository)}",
        "mkdir -p .headrace/held",
        'echo "FROM $image:$HEADRACE_KEY" > .headrace/held/Dockerfile',
    ]
    tags = action.publish.tags if action.publish is not None else ()
    if any(commands.flat(tag) != "commit" for tag in tags):
        lines.append(SLUG)
    lines.append('names="$image:$HEADRACE_GIT_COMMIT"')
    for tag in tags:
        lines.extend(_tag(tag))
    push = (
        f'{held} --output="type=image,\\"name=$names\\",push=true" ||\n'
        f'  {build} --output="type=image,\\"name=$image:$HEADRACE_KEY,$names\\",push=true"'
    )
    if not _has_changes(scope):
        return [*lines, push]
    return [
        *lines,
        'if [ "$HEADRACE_EVENT" = change_request ]; then',
        f"  {held} ||\n  {build}",
        "else",
        f"  {push}",
        "fi",
    ]


def _tag(tag: Text) -> list[str]:
    flat = commands.flat(tag)
    if flat == "commit":
        return []
    if flat == "latest":
        return [
            (
                'if [ -n "$HEADRACE_GIT_TAG" ] || [ "$HEADRACE_GIT_BRANCH" = "$HEADRACE_GIT_DEFAULT_BRANCH" ]; then '
                'names="$names,$image:latest"; fi'
            )
        ]
    if flat in RELEASE_TAGS:
        variable = RELEASE_TAGS[flat]
        value = f"${{{variable}#v}}" if flat == "version" else f"${variable}"
        return [f'if [ -n "${variable}" ]; then names="$names,$image:$(slug "{value}")"; fi']
    if any(isinstance(piece, Ref) for piece in tag):
        return [f'names="$names,$image:$(slug {commands.word(tag)})"']
    return [f'names="$names,$image:"$(slug {commands.literal(str(flat))})']
