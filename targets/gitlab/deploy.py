"""Deployments: rendered documents applied with kubectl, or committed to a branch that a cluster follows.

https://docs.gitlab.com/ci/environments/
"""

from __future__ import annotations

from compiler.ir import Deploy
from compiler.kubernetes import placeholder
from targets.commands import literal
from targets.gitlab.images import digest_variable

FOLDER = ".headrace/deploy"
ROLLOUT_SECONDS = 600
HEALTH_SECONDS = 300
GITOPS_TOKEN = "HEADRACE_GITOPS_TOKEN"


def deploy_lines(action: Deploy, timeout: int | None) -> list[str]:
    """The lines of a deployment, from the repository's root."""
    if action.platform == "gitops":
        return _commit(action)
    wait = min(ROLLOUT_SECONDS, timeout or ROLLOUT_SECONDS)
    namespace = f" --namespace {literal(action.namespace)}" if action.namespace else ""
    lines = _copied(action)
    if action.cluster:
        lines.append(f"kubectl config use-context {literal(action.cluster)}")
    lines.append(f"kubectl apply{namespace} --filename {FOLDER}")
    lines.append(_rollout(action.platform, namespace, wait))
    if action.health is not None:
        lines.append(_health(action))
    return lines


def _copied(action: Deploy) -> list[str]:
    """The documents with the digest of the image that this run built."""
    lines = [f"mkdir -p {FOLDER}"]
    places = [(literal(document), f"{FOLDER}/{literal(_name(document))}") for document in action.documents]
    if action.image is None:
        return [*lines, *(f"cp {source} {place}" for source, place in places)]
    variable = digest_variable(action.image)
    mark = placeholder(action.image).replace(".", "\\.")
    lines.append(f': "${{{variable}:?the image was not built in this run}}"')
    return [*lines, *(f'sed "s|{mark}|${variable}|g" {source} > {place}' for source, place in places)]


def _rollout(platform: str, namespace: str, seconds: int) -> str:
    """Wait until what was applied runs; kinds without a state of their own are there at once."""
    if platform in ("kubernetes", "apply"):
        return (
            f"kubectl get{namespace} --filename {FOLDER} --output name "
            "| { grep -E '^(deployment|statefulset|daemonset)[./]' || true; } "
            f'| while read -r HEADRACE_NAME; do kubectl rollout status{namespace} --timeout {seconds}s "$HEADRACE_NAME" '
            "|| exit 1; done"
        )
    if platform == "seldon":
        kind = "seldondeployment"
        condition = "jsonpath={.status.state}=Available"
    else:
        kind = "inferenceservice" if platform == "kserve" else "service"
        condition = "condition=Ready"
    return (
        f"kubectl get{namespace} --filename {FOLDER} --output name | {{ grep -E '^{kind}s?[./]' || true; }} "
        f"| while read -r HEADRACE_NAME; do kubectl wait{namespace} --for={condition} --timeout {seconds}s "
        '"$HEADRACE_NAME" || exit 1; done'
    )


def health_url(action: Deploy) -> str | None:
    """The address that must answer; a path alone stands behind the deployment's own."""
    health = action.health or ""
    if health.startswith(("http://", "https://")):
        return health
    return action.url.rstrip("/") + "/" + health.lstrip("/") if action.url else None


def _health(action: Deploy) -> str:
    url = health_url(action)
    if url is None:
        # Without an address from outside, ask through the cluster's own proxy.
        service = literal(action.service or "")
        namespace = literal(action.namespace or "default")
        path = literal("/" + (action.health or "").lstrip("/"))
        ask = f'kubectl get --raw "/api/v1/namespaces/"{namespace}"/services/"{service}":http/proxy"{path} > /dev/null'
    else:
        ask = f"{{ wget -q -O /dev/null {literal(url)} || curl -fsS -o /dev/null {literal(url)}; }}"
    return (
        f'HEADRACE_WAITED=0; until {ask}; do [ "$HEADRACE_WAITED" -lt {HEALTH_SECONDS} ] || '
        "{ echo 'headrace: the deployed service does not answer' >&2; exit 1; }; "
        "HEADRACE_WAITED=$((HEADRACE_WAITED + 5)); sleep 5; done"
    )


def _commit(action: Deploy) -> list[str]:
    """The documents on the branch that the cluster follows. The token that may push is a variable of the project."""
    remote = '"$CI_PROJECT_URL.git"'
    if action.repository:
        is_url = "://" in action.repository
        remote = literal(action.repository) if is_url else f'"$CI_SERVER_URL"/{literal(action.repository)}.git'
    branch = literal(action.branch or "deploy")
    store = f'!f() {{ echo username=headrace; echo "password=${GITOPS_TOKEN}"; }}; f'
    clone = f"git -c credential.helper={literal(store)} clone --depth 1 --branch {branch} {remote} .headrace/gitops"
    copies = "".join(
        f"mkdir -p .headrace/gitops/{literal(_folder(document))} && "
        f"cp {FOLDER}/{literal(_name(document))} .headrace/gitops/{literal(document)}\n"
        for document in action.documents
    )
    git = "git -C .headrace/gitops"
    return [
        *_copied(action),
        clone,
        copies.rstrip("\n"),
        f"{git} add --all",
        (
            f"if {git} diff --cached --quiet; then echo 'headrace: nothing to deploy'; else "
            f"{git} -c user.name=headrace -c user.email=headrace@noreply.invalid commit --quiet "
            f'--message "Deploy $CI_PROJECT_PATH at $CI_COMMIT_SHA"; '
            f"{git} -c credential.helper={literal(store)} push --quiet origin HEAD:{branch}; fi"
        ),
    ]


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _name(path: str) -> str:
    return path.rpartition("/")[2]
