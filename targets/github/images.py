"""Images: built with buildx, pushed with provenance, and pulled by the jobs that run in them.

https://docs.docker.com/build/ci/github-actions/
"""

from __future__ import annotations

from compiler import codes as core
from compiler.ir import BuildImage, Environment, Ref
from targets import commands, logins, runners
from targets.github import access, codes, expressions
from targets.github import steps as common
from targets.github.actions import use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Identity, Job, SecretUse, Text
    from targets.github.workflow import Workflow

    Step = dict[str, Any]

OWN_REGISTRY = "ghcr.io"
AZURE_USER = "00000000-0000-0000-0000-000000000000"  # whose password is a token of Azure
# The commit's tag comes first, and the digest says which of its builds: `name:commit@sha256:…`.
REFERENCE = (
    "${{ fromJSON(steps.meta.outputs.json).tags[0] }}${{ steps.build.outputs.digest && "
    "format('@{0}', steps.build.outputs.digest) || '' }}"
)
TAGS = {
    "branch": "type=ref,event=branch",
    "tag": "type=ref,event=tag",
    "release": "type=ref,event=tag",
    "version": "type=semver,pattern={{version}}",
    "latest": "type=raw,value=latest,enable={{is_default_branch}}",
}
COMMIT_TAG = "type=sha,format=long,prefix=,priority=1001"


def pushes(workflow: Workflow, job: Job) -> bool:
    """Whether the image leaves the job: it is published, or other jobs use it."""
    action = job.action
    assert isinstance(action, BuildImage)
    return action.publish is not None or action.environment in workflow.used_images


def registry(workflow: Workflow, action: BuildImage) -> str:
    """The host that the image is pushed to."""
    publish = action.publish
    given = (publish.registry if publish is not None else None) or workflow.settings.registry
    if given:
        return given.removeprefix("https://").rstrip("/")
    first = publish.repository[0] if publish is not None and publish.repository else ""
    host, slash, _ = first.partition("/") if isinstance(first, str) else ("", "", "")
    return host if slash and ("." in host or ":" in host or host == "localhost") else OWN_REGISTRY


def is_own_registry(workflow: Workflow, job: Job) -> bool:
    """Whether the CI's own token signs in there."""
    assert isinstance(job.action, BuildImage)
    return registry(workflow, job.action).split("/")[0] == OWN_REGISTRY


def in_own_registry(workflow: Workflow, environment: str) -> bool:
    builder = workflow.builders.get(environment)
    return builder is not None and is_own_registry(workflow, workflow.by_name[builder])


def name(workflow: Workflow, job: Job) -> str:
    """The image's name without a tag. The action that makes the tags writes it in lower case, as registries ask."""
    action = job.action
    assert isinstance(action, BuildImage)
    host = registry(workflow, action)
    publish = action.publish
    said = workflow.text(job, publish.repository) if publish is not None and publish.repository else ""
    if said.startswith(host + "/"):
        return said
    own = said or expressions.written(action.environment or job.name)
    return f"{host}/{expressions.hole('github.repository')}/{own}" if host == OWN_REGISTRY else f"{host}/{own}"


def steps(workflow: Workflow, job: Job) -> list[Step]:
    """Build, and push unless a change request asks."""
    action = job.action
    assert isinstance(action, BuildImage)
    _check(workflow, job)
    found = [*common.repository(workflow, job), *common.commit(workflow, job)]
    found += common.inputs(workflow, job)
    leaves = pushes(workflow, job)
    if leaves:
        found += _login(workflow, job)
    found += access.vault(workflow, job)
    found.append({"uses": use("docker/setup-buildx-action")})
    found.append(_tags(workflow, job))
    if action.software is not None:
        return [*found, *_ahead(workflow, job, action.software)]
    found.append(_build(workflow, job, leaves))
    return found


# The first of the tags is the commit's, so that what stands before its colon is the image's name.
_HELD = """\
image="$(printf '%s\\n' "$HEADRACE_TAGS" | head -n 1)"
image="${image%:*}:$HEADRACE_KEY"
echo "image=$image" >> "$GITHUB_OUTPUT"
if docker buildx imagetools inspect "$image" > /dev/null; then
  echo "held=true" >> "$GITHUB_OUTPUT"
  if [ "$GITHUB_EVENT_NAME" != pull_request ]; then
    for tag in $HEADRACE_TAGS; do docker buildx imagetools create --tag "$tag" "$image"; done
  fi
fi
"""


def _ahead(workflow: Workflow, job: Job, software: Environment) -> list[Step]:
    """An environment that is built ahead: where the registry has it, under the tag of its packages, it gets the commit's
    tag too; else it is built."""
    from targets import prebuilt

    action = job.action
    assert isinstance(action, BuildImage)
    env = {
        prebuilt.VARIABLE: expressions.written(
            prebuilt.dockerfile(software, tuple(variable.name for variable in job.env), workflow.project)
        ),
        "HEADRACE_TAGS": expressions.hole("steps.meta.outputs.tags"),
    }
    look: Step = {"id": "environment", "name": "environment", "env": env}
    look["run"] = "\n".join(prebuilt.key_lines(software)) + "\n" + _HELD
    options: dict[str, Any] = {"context": ".", "file": prebuilt.FILE}
    if job.env:
        options["build-args"] = "".join(f"{one.name}={workflow.text(job, one.value)}\n" for one in job.env)
    options["push"] = expressions.hole(expressions.NOT_ON_CHANGE_REQUEST)
    tags = (expressions.hole("steps.environment.outputs.image"), expressions.hole("steps.meta.outputs.tags"))
    options["tags"] = "\n".join(tags)
    provenance = action.publish is None or action.publish.provenance is not False
    options["provenance"] = "mode=max" if provenance else False
    test = "steps.environment.outputs.held != 'true'"
    build: Step = {"id": "build", "uses": use("docker/build-push-action"), "if": test, "with": options}
    return [look, build]


def _check(workflow: Workflow, job: Job) -> None:
    action = job.action
    assert isinstance(action, BuildImage)
    own = job.platform or runners.DEFAULT_PLATFORM
    foreign = [platform for platform in action.build.platforms if platform != own]
    if foreign:
        message = f'"{job.name}" builds for "{foreign[0]}" on a machine of "{own}"'
        advice = "give the job that `platform`, and a job to each platform"
        workflow.sink.report(codes.NO_PLATFORM, message, job.origin, help=advice)
    if job.retry is not None and common.attempts(job) > 1:
        message = f'"{job.name}" builds an image: its steps are actions, which GitHub does not retry'
        workflow.sink.report(codes.WRONG_KEY, message, job.origin, field="retry", help="leave `retry` out")


def _login(workflow: Workflow, job: Job) -> list[Step]:
    action = job.action
    assert isinstance(action, BuildImage)
    host = registry(workflow, action)
    identity = access.identity_of(workflow, job)
    before: list[Step] = []
    pushes = logins.identity(job, workflow.project.identities)
    if pushes is not None:
        named = None if is_own_registry(workflow, job) else host
        if not logins.check(job, pushes, named, "GitHub Actions", workflow.sink):
            return []
    if is_own_registry(workflow, job):
        options = {
            "registry": OWN_REGISTRY,
            "username": expressions.hole("github.actor"),
            "password": expressions.hole("secrets.GITHUB_TOKEN"),
        }
    elif identity is not None and identity.provider == "gcp":
        own = dict(identity.settings).get("service_account")  # without one, the federated token is what pushes
        # The action's file with credentials would lie in the checkout, which is what the image is built from.
        more: dict[str, Any] = {"token_format": "access_token"} if own else {}
        before = access.identity(workflow, job, create_credentials_file=False, **more)
        token = expressions.hole(f"steps.identity.outputs.{'access_token' if own else 'auth_token'}")
        options = {"registry": host.split("/")[0], "username": "oauth2accesstoken", "password": token}
    elif identity is not None and identity.provider == "aws":
        before = access.identity(workflow, job)
        options = {"registry": host.split("/")[0]}
    elif identity is not None and identity.provider == "azure":
        before = _azure(workflow, identity, host)
        password = expressions.hole("steps.login.outputs.password")
        options = {"registry": host.split("/")[0], "username": AZURE_USER, "password": password}
    else:
        if identity is not None:
            access.identity(workflow, job)  # which says that it can't be taken on
        _note_login(workflow, host)
        options = {"registry": host.split("/")[0], **_login_secrets()}
    login: Step = {"uses": use("docker/login-action"), "with": options}
    if action.software is not None and is_own_registry(workflow, job):
        return [login]  # a change request looks, too, whether the image is there
    return [_not_on_change_request(step) for step in (*before, login)]


def _azure(workflow: Workflow, identity: Identity, host: str) -> list[Step]:
    """The password of an identity of Azure, for which there is no action: hidden in logs, and gone with the job."""
    workflow.scripts["login"] = None
    asked = [*logins.arguments(identity, host), f"--audience={logins.audience(identity)}"]
    lines = [
        f'password="$(python3 -I -c "$HEADRACE_LOGIN" {" ".join(map(commands.literal, asked))})"',
        'echo "::add-mask::$password"',
        'echo "password=$password" >> "$GITHUB_OUTPUT"',
    ]
    return [{"id": "login", "name": "login", "run": "\n".join(lines) + "\n"}]


def _note_login(
    workflow: Workflow, host: str, advice: str = "or give `publish` an identity of aws, gcp or azure"
) -> None:
    workflow.sink.report(
        core.ACTION_NEEDED,
        f'GitHub Actions: the secrets REGISTRY_USERNAME and REGISTRY_PASSWORD must hold the login of "{host}"',
        workflow.settings.origin,
        help=advice,
    )


def _login_secrets() -> dict[str, str]:
    return {
        "username": expressions.hole("secrets.REGISTRY_USERNAME"),
        "password": expressions.hole("secrets.REGISTRY_PASSWORD"),
    }


def _not_on_change_request(step: Step) -> Step:
    head: Step = {key: step[key] for key in ("id", "name", "uses") if key in step}
    rest = {key: value for key, value in step.items() if key not in head}
    return {**head, "if": expressions.NOT_ON_CHANGE_REQUEST, **rest}


def _tags(workflow: Workflow, job: Job) -> Step:
    action = job.action
    assert isinstance(action, BuildImage)
    tags = [COMMIT_TAG]
    for tag in action.publish.tags if action.publish is not None else ():
        said = "".join(str(piece) for piece in tag) if all(isinstance(piece, str) for piece in tag) else None
        if said == "commit":
            continue
        tags.append(TAGS[said] if said in TAGS else f'"type=raw,value={workflow.text(job, tag)}"'.replace('"', ""))
    options = {
        "images": name(workflow, job),
        "flavor": "latest=false",
        "tags": "\n".join(dict.fromkeys(tags)) + "\n",
    }
    return {"id": "meta", "uses": use("docker/metadata-action"), "with": options}


def _build(workflow: Workflow, job: Job, leaves: bool) -> Step:
    action = job.action
    assert isinstance(action, BuildImage)
    build = action.build
    options: dict[str, Any] = {"context": expressions.written(build.context or ".")}
    if build.file:  # nothing said: the action takes the context's
        options["file"] = expressions.written(build.file)
    if build.target:
        options["target"] = expressions.written(build.target)
    if build.platforms:
        options["platforms"] = ",".join(build.platforms)
    if build.args:
        options["build-args"] = "".join(f"{a.name}={workflow.text(job, a.value)}\n" for a in build.args)
    env = {}
    if build.secrets:
        for one in build.secrets:
            env[_secret_id(one)] = access.value(workflow, one)
        options["secret-envs"] = "".join(f"{_secret_id(one)}={_secret_id(one)}\n" for one in build.secrets)
    options["push"] = expressions.hole(expressions.NOT_ON_CHANGE_REQUEST) if leaves else False
    options["tags"] = expressions.hole("steps.meta.outputs.tags")
    options["labels"] = expressions.hole("steps.meta.outputs.labels")
    provenance = action.publish is None or action.publish.provenance is not False
    options["provenance"] = "mode=max" if provenance else False
    if provenance:
        options["sbom"] = True
    step: Step = {"id": "build", "uses": use("docker/build-push-action")}
    if env:
        step["env"] = env
    return {**step, "with": options}


def _secret_id(one: SecretUse) -> str:
    return one.env or one.secret


def built_in(image: Text | None) -> str | None:
    """The environment whose built image a reference is."""
    for piece in image or ():
        if isinstance(piece, Ref) and piece.kind == "images":
            return piece.name
    return None


def built_credentials(workflow: Workflow, image: Text | None) -> dict[str, str]:
    """What a machine pulls an image with that this pipeline has pushed; nothing for other images."""
    built = built_in(image)
    if built is None:
        return {}
    if not in_own_registry(workflow, built):
        builder = workflow.builders.get(built)
        action = workflow.by_name[builder].action if builder is not None else None
        if isinstance(action, BuildImage):
            early = "GitHub pulls a job's image before the job could sign in by an identity"
            _note_login(workflow, registry(workflow, action), early)
        return _login_secrets()
    return {"username": expressions.hole("github.actor"), "password": expressions.hole("secrets.GITHUB_TOKEN")}


def pull_credentials(workflow: Workflow, job: Job, environment: Environment) -> dict[str, str]:
    """What the runner pulls the job's image with; nothing for public images."""
    built = built_in(environment.image)
    if environment.credentials is None:
        return built_credentials(workflow, environment.image)
    if built is not None and in_own_registry(workflow, built):
        message = f'"{job.name}" pulls "{built}" from {OWN_REGISTRY} by the job\'s own token, and not by `credentials`'
        at = environment.origin or job.origin
        workflow.sink.report(core.EMULATED, message, at, field="credentials")
        return built_credentials(workflow, environment.image)
    secret = access.secret_name(workflow, environment.credentials)
    workflow.sink.report(
        core.ACTION_NEEDED,
        f"GitHub Actions: the secrets {secret}_USERNAME and {secret}_PASSWORD must hold the login of the image's registry",
        environment.origin or job.origin,
        help="GitHub hides a secret in logs as a whole, so the two are kept apart",
    )
    return {
        "username": expressions.hole(f"secrets.{secret}_USERNAME"),
        "password": expressions.hole(f"secrets.{secret}_PASSWORD"),
    }
