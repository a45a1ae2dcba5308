"""What GitLab takes: every check and every split reads its number here.

https://docs.gitlab.com/administration/instance_limits/
"""

from __future__ import annotations

from compiler.target import ARTIFACT_BYTES

LIMITS = {
    "name": 255,  # characters of a job's name
    "needs": 50,  # of a job, each leg counted. https://docs.gitlab.com/ci/yaml/needs/
    "matrix": 200,  # legs of one job. https://docs.gitlab.com/ci/yaml/#parallelmatrix
    "inputs": 20,  # of a pipeline. https://docs.gitlab.com/ci/inputs/#for-a-pipeline
    "globs": 50,  # patterns of one rule. https://docs.gitlab.com/ci/yaml/#ruleschanges
    # bytes of a file's YAML in memory, by targets.gitlab.sizes: `max_yaml_size_bytes`, which older ones have at 1 MB.
    # https://gitlab.com/gitlab-org/gitlab/-/issues/473777
    "yaml": 2_000_000,
    "nesting": 2,  # levels of child pipelines. https://docs.gitlab.com/ci/pipelines/downstream_pipelines/
    # pipelines that one starts, all levels together. https://docs.gitlab.com/administration/cicd/limits/
    "downstream": 1000,
    ARTIFACT_BYTES: 1024**3,  # of one job's, on gitlab.com. https://docs.gitlab.com/user/gitlab_com/#cicd
}
