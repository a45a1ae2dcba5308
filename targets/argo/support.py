"""What Argo Workflows does with each construct."""

from __future__ import annotations

from compiler.features import Feature
from compiler.target import Emulated, Native, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.target import Support

_DECIDED = "one pod, `decide`, compares the commits first, and the others run by what it found"

SUPPORT: dict[Feature, Support] = {
    Feature.PUSH: Emulated(
        how="Argo Events: an EventSource takes the repository's webhook, and a Sensor starts the workflow"
    ),
    Feature.PUSH_PATHS: Emulated(how=_DECIDED),
    Feature.CHANGE_REQUEST: Emulated(
        how="Argo Events, for branches of the repository itself; change requests of forks start nothing. A pod "
        "`supersede` ends older runs of the same change request, for which the service account must be allowed to "
        "list and patch workflows"
    ),
    Feature.CHANGE_REQUEST_PATHS: Emulated(how=_DECIDED),
    Feature.SCHEDULE: Native(),
    Feature.SCHEDULE_TIMEZONE: Native(),
    Feature.SCHEDULE_PARAMETERS: Native(),
    Feature.MANUAL: Native(),
    Feature.CALLABLE: Native(),
    Feature.AFTER_PIPELINE: Emulated(
        how="the exit handler of the pipeline before starts this one where it succeeded, never on a change request"
    ),
    Feature.SEVERAL_PIPELINES: Native(),
    Feature.CONCURRENCY: Emulated(
        how="a mutex lets one run of a group go on at a time; with `cancel`, a pod `supersede` ends the older ones, for "
        "which the service account must be allowed to list and patch workflows"
    ),
    Feature.PARAMETERS: Native(),
    Feature.NEEDS: Native(),
    Feature.NEED_WITHOUT_ARTIFACTS: Native(),
    Feature.OPTIONAL_NEED: Native(),
    Feature.LEG_NEEDS: Emulated(how="each leg is a task of its own"),
    Feature.RUN_ON_FAILURE: Native(),
    Feature.RUN_ALWAYS: Native(),
    Feature.CONDITION: Native(),
    Feature.CHANGED: Emulated(how=_DECIDED),
    Feature.IMAGE: Native(),
    Feature.IMAGE_CREDENTIALS: Emulated(
        how="the login is an image pull secret of the workflow: a Kubernetes secret of type kubernetes.io/dockerconfigjson"
    ),
    Feature.UV: Native(),
    Feature.PIP: Native(),
    Feature.POETRY: Native(),
    Feature.PIPENV: Native(),
    Feature.CONDA: Native(),
    Feature.MLFLOW: Native(),
    Feature.APT: Native(),
    Feature.SETUP: Native(),
    Feature.PREBUILD: Emulated(
        how="a pod `build-NAME` pushes an image under a tag computed from the lock files, and builds only where the registry "
        "has none; jobs run in it under the commit's tag"
    ),
    Feature.PLATFORM: Native(),
    Feature.CPU_MEMORY: Native(),
    Feature.LIMITS: Native(),
    Feature.STORAGE: Native(),
    Feature.SHM: Native(),
    Feature.GPU: Native(),
    Feature.SPOT: Emulated(
        how="the job goes to a runner that says `spot`, by its node selector; without one it goes to any machine"
    ),
    Feature.RUNNER: Native(),
    Feature.VOLUMES: Native(),
    Feature.ENV: Native(),
    Feature.SECRETS: Native(),
    Feature.SECRET_FILES: Native(),
    Feature.VAULT: Unsupported(
        why="it has no client for Vault, and the injector's templates are written with {{ }}, which Argo replaces itself; "
        "sync the path into a Kubernetes secret (External Secrets Operator, Vault Secrets Operator) and say "
        "`store: kubernetes`"
    ),
    Feature.KUBERNETES_SECRETS: Native(),
    Feature.IDENTITY: Emulated(
        how="the job's pod runs as the Kubernetes service account of that name, which must be annotated with the role "
        "(eks.amazonaws.com/role-arn, iam.gke.io/gcp-service-account or azure.workload.identity/client-id)"
    ),
    Feature.PERMISSIONS: Unsupported(
        why="a pod holds no token of the repository's host; give the job a secret that may do what it needs"
    ),
    Feature.OUTPUTS: Native(),
    Feature.KEEP: Emulated(
        how="the artifact repository keeps everything; give its bucket a lifecycle rule of that length"
    ),
    Feature.CHANGED_FILES: Emulated(
        how="the job's script copies what is newer than its start, and that is the artifact"
    ),
    Feature.METRICS: Native(),
    Feature.STORES: Native(),
    Feature.CACHE: Emulated(
        how="a pod before the job computes the key, and Argo memoizes the job by it in a config map that it makes itself: "
        "the controller must be allowed to create and update config maps, and one holds 1 MiB of entries. Outputs lie "
        "under the key, where nothing removes them but a lifecycle rule. Change requests have a cache of their own"
    ),
    Feature.CACHE_MAX_AGE: Native(),
    Feature.MATRIX: Native(),
    Feature.MAX_PARALLEL: Native(),
    Feature.RETRY: Native(),
    Feature.RETRY_RUNNER: Native(),
    Feature.RETRY_TIMEOUT: Emulated(how="an attempt counts as timed out where it took as long as its timeout"),
    Feature.RETRY_EXIT_CODES: Native(),
    Feature.TIMEOUT: Native(),
    Feature.RESUME: Emulated(how="a script around the command saves the checkpoints in the store and brings them back"),
    Feature.ALLOW_FAILURE: Native(),
    Feature.APPROVAL: Emulated(
        how="the run is suspended before the job until somebody resumes it; who may is said by the rights on workflows, "
        "not by the deployment environment"
    ),
    Feature.LOCK: Native(),
    Feature.LOCK_LIMIT: Emulated(how="a semaphore, whose limit stands in a config map beside the workflow"),
    Feature.SIDECARS: Emulated(
        how="one with a port is a sidecar of Kubernetes 1.29 or later with a startup probe, so that the job waits for it"
    ),
    Feature.OBJECTIVES: Native(),
    Feature.BUILD: Emulated(
        how="BuildKit in a pod of its own, without root; the cluster must allow unconfined seccomp and AppArmor profiles"
    ),
    Feature.PUBLISH: Emulated(
        how="BuildKit pushes with the login of a Kubernetes secret of type kubernetes.io/dockerconfigjson, or by an identity"
    ),
    Feature.REGISTRY_IDENTITY: Emulated(
        how="a first container of the pod changes what the cluster gives to the service account for a login of ECR, Artifact "
        "Registry or ACR, which BuildKit finds in memory; the nodes that run jobs in the image pull it by a right of their own"
    ),
    Feature.DEPLOY: Emulated(
        how="kubectl in a pod applies the documents and waits for the rollout; the pod's service account must be allowed to"
    ),
    Feature.GITOPS: Emulated(how="git in a pod commits the documents with the login of targets.argo.credentials"),
    Feature.CALL: Emulated(
        how="the called pipeline is a workflow of its own, started and waited for by a pod whose service account must be "
        "allowed to create workflows"
    ),
    Feature.NODES: Emulated(
        how="a pod for each machine; they find one another by a headless service, for which the service account must be "
        "allowed to create services, and by the variables that torchrun and TensorFlow read"
    ),
    Feature.SIGNING: Unsupported(
        why="a pod has no identity that Sigstore's public instance knows: say `attest: unsigned`"
    ),
}
