"""What GitLab CI does of itself, what it is made to do, and what it can't do."""

from __future__ import annotations

from compiler.features import Feature
from compiler.target import Emulated, Native, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.target import Support

OTHERWISE: dict[Feature, Support] = {
    Feature.SCHEDULE: Emulated(
        how="GitLab keeps schedules outside of the file: each must be created there, with the variable "
        "HEADRACE_SCHEDULE that selects it"
    ),
    Feature.SCHEDULE_PARAMETERS: Emulated(how="the file itself sets them where HEADRACE_SCHEDULE selects the schedule"),
    Feature.AFTER_PIPELINE: Emulated(
        how="a child pipeline behind a trigger job in the main file, which waits for all that the other one ends with, "
        "never in a change request"
    ),
    Feature.SEVERAL_PIPELINES: Emulated(
        how="the first stands in the main file, each other is a child pipeline behind a trigger job with its own rules"
    ),
    Feature.CONCURRENCY: Emulated(
        how="a group is the resource group of a trigger job, so that runs wait for one another; a superseded run is "
        "cancelled by a newer commit of its own branch alone"
    ),
    Feature.PARAMETERS: Emulated(
        how="inputs of the header with a pattern or options, since GitLab refuses numbers with a point and Booleans "
        "as values of variables; a first job checks type and bounds"
    ),
    Feature.PREBUILD: Emulated(
        how="a job `build-NAME` pushes an image under a tag computed from the lock files, and builds only where the registry "
        "has none; jobs run in it under the commit's tag"
    ),
    Feature.PLATFORM: Emulated(how="a runner of that platform is chosen by its tags"),
    Feature.CPU_MEMORY: Emulated(
        how="a runner that is large enough is chosen by its tags; requests become settings of the pod only where the "
        "runner says `executor: kubernetes` and `overwrite: true`"
    ),
    Feature.LIMITS: Emulated(
        how="settings of the pod where the runner says `executor: kubernetes` and `overwrite: true`, else the "
        "runner's own limits hold"
    ),
    Feature.STORAGE: Emulated(
        how="settings of the pod where the runner says `executor: kubernetes` and `overwrite: true`, else what the "
        "runner's disk has"
    ),
    Feature.SHM: Emulated(
        how="only the runner's settings (`shm_size`) can give it: the job checks /dev/shm before it starts and fails "
        "where it is smaller; a GPU job that does not say `shm` only warns where there is less than half of its memory"
    ),
    Feature.GPU: Emulated(how="a runner with the devices is chosen by its tags; its settings hand them to the job"),
    Feature.SPOT: Emulated(how="a runner on spot machines is chosen by its tags"),
    Feature.VOLUMES: Unsupported(
        why="a job can't mount a volume there; mount it in the runner's settings and drop `volumes`, or use a store"
    ),
    Feature.SECRETS: Emulated(
        how="a variable of the project is visible to every job that its scope allows: narrow it by an environment "
        "scope, by protecting it, or keep the secret in Vault"
    ),
    Feature.SECRET_FILES: Emulated(
        how="the job writes the variable (of type file or text) to the path, readable by itself alone"
    ),
    Feature.KUBERNETES_SECRETS: Unsupported(
        why="a job can't read a cluster's secret; keep it in Vault or in a CI/CD variable"
    ),
    Feature.PERMISSIONS: Unsupported(
        why="the job token's permissions are set under Settings > CI/CD > Job token permissions, for all jobs alike"
    ),
    Feature.KEEP: Emulated(how="the outputs of one job are kept together, as long as the longest of them asks"),
    Feature.CHANGED_FILES: Emulated(
        how="what is newer than the job's start is packed into an archive, which the jobs that need it unpack"
    ),
    Feature.METRICS: Emulated(
        how="the file is an artifact as others are; where the image's Python is known, the job also leaves it as GitLab's "
        "own metrics report, which paid tiers compare in merge requests"
    ),
    Feature.STORES: Emulated(
        how="the outputs go to the store by its own command-line tool, a small reference with their sha256 is the artifact"
    ),
    Feature.CACHE: Emulated(
        how="the job computes the key of its content and compares it with a stamp in GitLab's cache, which change "
        "requests read and never write"
    ),
    Feature.CACHE_MAX_AGE: Emulated(
        how="the age limit cuts time into spans, and the key holds the span: what is held is younger than the limit"
    ),
    Feature.MAX_PARALLEL: Emulated(
        how="the legs are dealt to that many resource groups of the run, each of which lets one job run at a time"
    ),
    Feature.LEG_NEEDS: Emulated(
        how="`needs:parallel:matrix` picks legs; where each leg needs another one, legs become jobs of their own"
    ),
    Feature.RESUME: Emulated(
        how="a process beside the command copies the checkpoints to the store while it runs, and brings them back"
    ),
    Feature.APPROVAL: Emulated(
        how="a manual job that blocks, in an environment: protect it, or anyone who may run jobs can start it"
    ),
    Feature.LOCK_LIMIT: Unsupported(why="a resource group lets one job run at a time; take a lock with the limit 1"),
    Feature.SIDECARS: Emulated(how="services with the sidecar's name as alias; the job waits until the port answers"),
    Feature.OBJECTIVES: Emulated(how="a script that travels with the job judges them after its command"),
    Feature.BUILD: Emulated(how="a job runs rootless BuildKit; change requests build without pushing"),
    Feature.PUBLISH: Emulated(
        how="BuildKit pushes into the project's registry, or another, with the provenance and a build cache"
    ),
    Feature.REGISTRY_IDENTITY: Emulated(
        how="a script changes the job's ID token for a login of ECR, Artifact Registry or ACR; BuildKit runs it first, in an "
        "image that has Python, so that the login stays in the job; a login of Google lasts for an hour"
    ),
    Feature.DEPLOY: Emulated(
        how="a job of the deployment environment applies the documents with kubectl and waits for the rollout; "
        "targets.gitlab.deploy_image names an image with the cluster's version"
    ),
    Feature.GITOPS: Emulated(
        how="a job commits the documents to the branch, with the project's token HEADRACE_GITOPS_TOKEN"
    ),
    Feature.NODES: Unsupported(
        why="GitLab starts jobs one by one, and parallel ones do not find one another: use Argo Workflows, or one node"
    ),
    Feature.SIGNING: Emulated(
        how="Sigstore's client signs by an ID token of the job, for which Sigstore's public instance asks gitlab.com: on a "
        "GitLab of your own say `attest: unsigned`; jobs of child pipelines have no such identity"
    ),
    Feature.IMAGE_CREDENTIALS: Emulated(how="the secret is given to the runner as DOCKER_AUTH_CONFIG"),
}
SUPPORT: dict[Feature, Support] = {feature: OTHERWISE.get(feature, Native()) for feature in Feature}
