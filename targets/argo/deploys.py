"""Deployments: documents of the repository with the image's digest set, applied (or committed), and seen to be well."""

from __future__ import annotations

from compiler.ir import Deploy
from targets import commands
from targets.argo import artifacts, builds, codes, helpers, jobs, pods, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job
    from targets.argo.scope import Scope

RENDERED = "/tmp/documents"
# What becomes ready by itself, and what says that it is.
WAITING = """\
while read -r name; do
  case $name in
    deployment.apps/*|statefulset.apps/*|daemonset.apps/*) kubectl rollout status "$name" --timeout="$HEADRACE_PATIENCE" ;;
    *.serving.knative.dev/*|*.serving.kserve.io/*) kubectl wait --for=condition=Ready "$name" --timeout="$HEADRACE_PATIENCE" ;;
    seldondeployment.machinelearning.seldon.io/*) kubectl wait --for=jsonpath='{.status.state}'=Available "$name" --timeout="$HEADRACE_PATIENCE" ;;
  esac
done < /tmp/applied"""


def template(scope: Scope, job: Job, name: str, known: dict[str, Job]) -> dict[str, Any]:
    action = job.action
    assert isinstance(action, Deploy)
    if not action.documents:
        scope.sink.report(codes.DOCUMENTS, f'"{job.name}" deploys no document', action.origin or job.origin)
    made = pods.pod(scope, job)
    arrivals = artifacts.arrivals(scope, job, known)
    exports, env = jobs.variables(scope, job)
    lines = [*exports, *arrivals.lines, *_rendering(scope, action, env)]
    if action.platform == "gitops":
        lines += _commit(scope, action, env, made)
        image = helpers.GIT_IMAGE
    else:
        lines += _apply(scope, job, action, env, made)
        image = scope.options.kubectl_image
    return jobs.assemble(scope, job, name, made, arrivals, {"script": jobs.script(image, lines, env, made)})


def _rendering(scope: Scope, action: Deploy, env: list[dict[str, Any]]) -> list[str]:
    """Copies the documents, with the digest of the image that this run built."""
    lines = [f"mkdir -p {RENDERED}"]
    for document in action.documents:
        folder = document.rpartition("/")[0]
        if folder:
            lines.append(f"mkdir -p {commands.literal(f'{RENDERED}/{folder}')}")
        lines.append(f"cp -R {commands.literal(document)} {commands.literal(f'{RENDERED}/{document}')}")
    if action.image is None:
        return lines
    repository = scope.images.repository(action.image)
    env.append({"name": "HEADRACE_IMAGE", "value": f"{repository}{_version(scope, action.image)}"})
    names = "\\|".join(dict.fromkeys(_pattern(one) for one in (repository, action.image)))
    quote = "[\"']\\{0,1\\}"
    found = f"\\(image: *\\){quote}\\({names}\\)\\([:@][A-Za-z0-9_.:-]*\\)\\{{0,1\\}}{quote} *$"
    command = commands.literal(f"s#{found}#\\1") + '"$HEADRACE_IMAGE#"'
    lines.append(f"find {RENDERED} -type f -exec sed -i {command} {{}} +")
    return lines


def _version(scope: Scope, environment: str) -> str:
    """The digest that the build left, or, where the build lies in another part of a split pipeline, the commit."""
    build = scope.images.builds.get(environment)
    if build is not None and (scope.members is None or build.name in scope.members):
        return "@{{workflow.outputs.parameters." + builds.digest_name(scope, environment) + "}}"
    return ":{{" + scope.fact("commit") + "}}"


def _pattern(text: str) -> str:
    return "".join("\\" + c if c in ".[]*^$" else c for c in text)


def _apply(scope: Scope, job: Job, action: Deploy, env: list[dict[str, Any]], made: pods.Pod) -> list[str]:
    if action.cluster is not None:
        name = spelling.short(action.cluster)
        held = {"secretName": name, "items": [{"key": "kubeconfig", "path": "config"}]}
        made.mount({"name": "cluster", "secret": held}, f"{artifacts.SIDE}/cluster", readOnly=True)
        env.append({"name": "KUBECONFIG", "value": f"{artifacts.SIDE}/cluster/config"})
        scope.notes[f'the secret "{name}" has the key "kubeconfig"'] = None
    env.append({"name": "HEADRACE_PATIENCE", "value": f"{min(600, job.timeout or 600)}s"})
    lines = []
    if action.namespace is not None and action.cluster is None:
        lines += _in_cluster(action.namespace)
    elif action.namespace is not None:
        lines += [
            'cp "$KUBECONFIG" /tmp/kubeconfig',
            "export KUBECONFIG=/tmp/kubeconfig",
            f"kubectl config set-context --current --namespace={commands.literal(action.namespace)} > /dev/null",
        ]
    lines.append(f"kubectl apply --recursive -f {RENDERED} -o name > /tmp/applied")
    lines.append(WAITING)
    if action.health is not None:
        lines += _health(action)
    return lines


def _in_cluster(namespace: str) -> list[str]:
    """kubectl's own settings of a pod, with another namespace."""
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    return [
        "export KUBECONFIG=/tmp/kubeconfig",
        (
            "kubectl config set-cluster here --server=https://kubernetes.default.svc "
            f"--certificate-authority={account}/ca.crt > /dev/null"
        ),
        f'kubectl config set-credentials here --token="$(cat {account}/token)" > /dev/null',
        f"kubectl config set-context here --cluster=here --user=here --namespace={commands.literal(namespace)} > /dev/null",
        "kubectl config use-context here > /dev/null",
    ]


def _health(action: Deploy) -> list[str]:
    """Asks until it answers, for two minutes."""
    assert action.health is not None
    url = action.health if "://" in action.health else None
    if url is None and action.url is not None:
        url = f"{action.url.rstrip('/')}/{action.health.lstrip('/')}"
    if url is not None:
        probe = f"curl --fail --silent --show-error --max-time 10 --output /dev/null {commands.literal(url)}"
    else:
        service = commands.literal(f"{action.service or ''}/proxy/{action.health.lstrip('/')}")
        space = "$(kubectl config view --minify -o 'jsonpath={..namespace}')"
        if action.namespace is not None:
            space = action.namespace
        probe = f'kubectl get --raw "/api/v1/namespaces/{space}/services/"{service} > /dev/null'
    return [f"tries=0; until {probe}; do tries=$((tries + 1)); [ $tries -lt 24 ]; sleep 5; done"]


def _commit(scope: Scope, action: Deploy, env: list[dict[str, Any]], made: pods.Pod) -> list[str]:
    """Puts the documents on a branch, where whoever watches it rolls them out."""
    helpers.login(scope, made)
    if action.repository is not None:
        env.append({"name": "HEADRACE_TARGET", "value": spelling.plain(action.repository)})
    else:
        env.append({"name": "HEADRACE_TARGET", "value": "{{workflow.parameters.repository}}"})
    env.append({"name": "HEADRACE_BRANCH", "value": spelling.plain(action.branch or "deploy")})
    env.append({"name": "HEADRACE_GIT_COMMIT", "value": "{{" + scope.fact("commit") + "}}"})
    return [
        helpers.SAFE,
        *helpers.ASKPASS,
        "export GIT_ASKPASS=/tmp/askpass GIT_TERMINAL_PROMPT=0",
        "git init --quiet /tmp/target && cd /tmp/target",
        'git remote add origin "$HEADRACE_TARGET"',
        'if git fetch --quiet --depth=1 origin "refs/heads/$HEADRACE_BRANCH"; then',
        '  git checkout --quiet -B "$HEADRACE_BRANCH" FETCH_HEAD',
        "else",
        '  git checkout --quiet --orphan "$HEADRACE_BRANCH"',
        "fi",
        f"cp -R {RENDERED}/. .",
        "git add --all",
        "if git diff --cached --quiet; then echo 'nothing changed'; exit 0; fi",
        'git -c user.name=headrace -c user.email=headrace@localhost commit --quiet -m "Deploy $HEADRACE_GIT_COMMIT"',
        'git push --quiet origin "HEAD:refs/heads/$HEADRACE_BRANCH"',
    ]
