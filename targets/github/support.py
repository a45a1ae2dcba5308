"""What GitHub Actions does itself, what it does by other means, and what it can't do."""

from __future__ import annotations

from compiler.features import Feature
from compiler.target import Emulated, Native, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.target import Support

SUPPORT: dict[Feature, Support] = {
    Feature.PUSH: Native(),
    Feature.PUSH_PATHS: Native(),
    Feature.CHANGE_REQUEST: Native(),
    Feature.CHANGE_REQUEST_PATHS: Native(),
    Feature.SCHEDULE: Native(),
    Feature.SCHEDULE_TIMEZONE: Native(),
    Feature.SCHEDULE_PARAMETERS: Emulated(how="a run learns its schedule's values by its cron line"),
    Feature.MANUAL: Native(),
    Feature.CALLABLE: Native(),
    Feature.AFTER_PIPELINE: Emulated(
        how="the first pipeline calls the second at its end, in the same run and at the same commit, never on a change request"
    ),
    Feature.SEVERAL_PIPELINES: Native(),
    Feature.CONCURRENCY: Native(),
    Feature.PARAMETERS: Native(),
    Feature.NEEDS: Native(),
    Feature.NEED_WITHOUT_ARTIFACTS: Native(),
    Feature.OPTIONAL_NEED: Native(),
    Feature.LEG_NEEDS: Emulated(how="each leg that is needed by itself is a job of its own"),
    Feature.RUN_ON_FAILURE: Native(),
    Feature.RUN_ALWAYS: Native(),
    Feature.CONDITION: Native(),
    Feature.CHANGED: Emulated(how="a first job named decide compares the commits, and the others read what it found"),
    Feature.IMAGE: Native(),
    Feature.IMAGE_CREDENTIALS: Native(),
    Feature.UV: Native(),
    Feature.PIP: Native(),
    Feature.POETRY: Native(),
    Feature.PIPENV: Native(),
    Feature.CONDA: Native(),
    Feature.MLFLOW: Native(),
    Feature.APT: Native(),
    Feature.SETUP: Native(),
    Feature.PREBUILD: Emulated(
        how="a job `build-NAME` pushes an image under a tag computed from the lock files, and builds only where the registry "
        "has none; jobs run in it under the commit's tag"
    ),
    Feature.PLATFORM: Native(),
    Feature.CPU_MEMORY: Emulated(how="what a job requests chooses its runner, and reserves nothing there"),
    Feature.LIMITS: Emulated(how="limits are options of the job's container"),
    Feature.STORAGE: Emulated(
        how="a runner's disk is as large as it is: the job looks at what is free before it starts, and fails where that "
        "is less; a limit is not enforced"
    ),
    Feature.SHM: Emulated(how="it is an option of the job's container"),
    Feature.GPU: Emulated(
        how="the job runs on a runner that has one, and its container is given all of the runner's GPUs"
    ),
    Feature.SPOT: Emulated(how="the runner is one that `targets.github.runners` calls spot, where there is one"),
    Feature.RUNNER: Native(),
    Feature.VOLUMES: Emulated(how="they are Docker volumes of the runner's machine, and their sizes are not enforced"),
    Feature.ENV: Native(),
    Feature.SECRETS: Native(),
    Feature.SECRET_FILES: Emulated(how="a step writes them outside of the checkout, readable by their owner alone"),
    Feature.VAULT: Native(),
    Feature.KUBERNETES_SECRETS: Unsupported(
        why="a job on GitHub can't read a cluster's secrets: set them in the repository, or keep them in Vault"
    ),
    Feature.IDENTITY: Native(),
    Feature.PERMISSIONS: Native(),
    Feature.OUTPUTS: Native(),
    Feature.KEEP: Emulated(how="whole days, and a job's outputs are kept as long as the one that is kept longest"),
    Feature.CHANGED_FILES: Emulated(how="the files that are newer than the start of the job's command"),
    Feature.METRICS: Emulated(
        how="the file is an output as others are; metrics, where the image's Python is known, and objectives show their "
        "table in the run's summary"
    ),
    Feature.STORES: Emulated(how="a script in the job puts and gets them; the image must bring the store's command"),
    Feature.CACHE: Emulated(how="a script in the job computes the key, and GitHub's cache holds the outputs"),
    Feature.CACHE_MAX_AGE: Emulated(
        how="the age is part of the key, so that what is held may be younger than said, never older"
    ),
    Feature.MATRIX: Native(),
    Feature.MAX_PARALLEL: Native(),
    Feature.RETRY: Emulated(how="the job runs its command again; a runner that is lost is not replaced"),
    Feature.RETRY_RUNNER: Unsupported(
        why="a job that lost its runner stays failed in its run: leave `runner` out of `retry.on`, "
        "or run `gh run rerun --failed`"
    ),
    Feature.RETRY_TIMEOUT: Emulated(how="the job ends its command after the timeout and runs it again"),
    Feature.RETRY_EXIT_CODES: Emulated(how="the job looks at its command's exit status"),
    Feature.TIMEOUT: Native(),
    Feature.RESUME: Emulated(
        how="a script in the job keeps the checkpoints in the store, and a job that is run again goes on from them"
    ),
    Feature.ALLOW_FAILURE: Native(),
    Feature.APPROVAL: Emulated(how="the job names an environment, whose reviewers are set in the repository"),
    Feature.LOCK: Native(),
    Feature.LOCK_LIMIT: Unsupported(why="a concurrency group on GitHub lets one job run at a time: leave `limit` out"),
    Feature.SIDECARS: Native(),
    Feature.OBJECTIVES: Emulated(how="a step after the outputs are uploaded judges them"),
    Feature.BUILD: Native(),
    Feature.PUBLISH: Native(),
    Feature.REGISTRY_IDENTITY: Emulated(
        how="actions of AWS and Google sign in; for Azure a script in the job changes its ID token for a login"
    ),
    Feature.DEPLOY: Native(),
    Feature.GITOPS: Native(),
    Feature.CALL: Native(),
    Feature.NODES: Unsupported(
        why="GitHub starts jobs one by one, and the legs of a matrix do not find one another: use Argo Workflows, or one node"
    ),
    Feature.SIGNING: Emulated(how="cosign signs by the identity of the workflow, for which the job gets an ID token"),
}
