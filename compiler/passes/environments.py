"""Environments: names become what they name, Python gets its image, and what is built becomes a job.

A built environment NAME becomes the job `build-NAME` before its users; if nobody uses it, after all others, and only
when it is published. Change requests build without pushing, so a job that would run in that image is skipped there.
One that is built ahead (`prebuild`) is a built environment whose image holds its packages; GPU jobs start from another
image than others, so that theirs is `build-NAME-gpu`.
"""

from __future__ import annotations

from compiler import codes, images
from compiler.diagnostics import listed
from compiler.ir import (
    NOTHING,
    And,
    Build,
    BuildImage,
    Compare,
    Deploy,
    Environment,
    Job,
    Need,
    Not,
    Project,
    Ref,
    deployed_images,
    holes,
)
from compiler.passes.context import Context, labels, over_groups, over_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.ir import Condition, Text
    from compiler.source import Origin

NOT_A_CHANGE_REQUEST = Not(term=Compare(subject="event", operator="==", values=("change_request",)))


def build_name(environment: str) -> str:
    return f"build-{environment}"


def create_builds(project: Project, context: Context) -> Project:
    """A job `build-NAME` for every built environment that a job, a service or a model wants, or that is published."""
    for environment in project.environments:
        _check_publish(environment, context)
    built = {
        environment.name: environment
        for environment in project.environments
        if environment.name and environment.build is not None
    }
    project = over_groups(project, lambda jobs: tuple(_ahead(job, project, context) for job in jobs))
    jobs = _with_builds(project.jobs, (), built, (*_of_services(project), *_of_models(project)), context)
    pipelines = tuple(
        pipeline.replace(jobs=_with_builds(pipeline.jobs, jobs, built, (), context)) if pipeline.jobs else pipeline
        for pipeline in project.pipelines
    )
    groups = (jobs, *(pipeline.jobs for pipeline in pipelines))
    have = {name for group in groups for name in builders(group)}
    have |= {job.environment for group in groups for job in group if isinstance(job.environment, str)}
    unused = [environment for name, environment in built.items() if name not in have]
    for environment in unused:
        if environment.publish is None:
            message = f'no job runs in "{environment.name}" and it is not published, so it is not built'
            context.sink.report(codes.UNUSED, message, environment.origin)
    jobs = (*jobs, *(_build_job(environment) for environment in unused if environment.publish is not None))
    return project.replace(jobs=jobs or project.jobs, pipelines=pipelines or project.pipelines)


def _ahead(job: Job, project: Project, context: Context) -> Job:
    """A job whose environment is built ahead with that environment, its name and what its image starts from."""
    environment = job.environment
    if isinstance(environment, str):
        environment = next((one for one in project.environments if one.name == environment), None)
    if environment is None or not environment.prebuild or environment.base is not None:
        return job
    name = environment.name or job.name
    if not _can_be_ahead(environment, job, context):
        return job.replace(environment=environment.replace(name=name, prebuild=None, publish=None))
    accelerated = job.resources is not None and job.resources.accelerator is not None
    started = with_image(environment, accelerated)
    if environment.image is None and started.image != with_image(environment).image:
        name += "-gpu"
    folder = environment.working_directory if environment.working_directory is not None else project.folder or None
    made = started.replace(name=name, base=started.image, working_directory=folder)
    return job.replace(environment=made)


def _can_be_ahead(environment: Environment, job: Job, context: Context) -> bool:
    """Whether there is something to build ahead, and nothing that only a run knows."""
    wrong, advice = None, "leave `prebuild` out"
    if environment.build is not None:
        wrong, advice = "`build` says how the image is built already: `prebuild` is for packages", advice
    elif not (environment.installer or environment.apt):
        wrong, advice = "there is nothing to build ahead", "say `install` or `apt`, or leave `prebuild` out"
    elif environment.credentials is not None:
        wrong = "an image that is built ahead can't start from a private one"
    elif any(isinstance(piece, Ref) for piece in environment.image or ()):
        wrong = "an image that is built ahead can't start from one whose name only the run knows"
    if wrong is None:
        return True
    at = environment.origin or job.origin
    context.sink.report(codes.KEYS_EXCLUDE, wrong, at, field="prebuild", help=advice)
    return False


def _check_publish(environment: Environment, context: Context) -> None:
    """Only what is built can be published."""
    if environment.publish is not None and environment.build is None and not environment.prebuild:
        context.sink.report(
            codes.MISSING_KEY,
            f'"{environment.name}" is to be published, and nothing says how its image is built',
            environment.origin,
            field="publish",
            help="give it a `build`, or leave `publish` out",
        )


def _with_builds(
    jobs: tuple[Job, ...],
    pool: tuple[Job, ...],
    built: dict[str, Environment],
    more: tuple[Environment | str, ...],
    context: Context,
) -> tuple[Job, ...]:
    if not built and not more and not any(map(_may_build, jobs)):
        return jobs
    jobs = tuple(_filled(job, built, context) for job in jobs)
    wanted: list[Environment | str] = [
        _named(job.environment, job.name)
        for job in jobs
        if isinstance(job.environment, str) or (job.environment is not None and _is_built(job.environment))
    ]
    deploys = (job.action for job in jobs if isinstance(job.action, Deploy))
    wanted.extend(image for deploy in deploys for image in deployed_images(deploy))
    wanted.extend(need.job[6:] for job in jobs for need in job.needs if need.job.startswith("build-"))
    taken = {job.name: job for job in jobs}
    have = builders((*jobs, *pool))
    builds: dict[str, Job] = {}
    for named in (*wanted, *more):
        environment = built.get(named) if isinstance(named, str) else named
        if environment is None or not _is_built(environment) or environment.name is None or environment.name in have:
            continue
        name = build_name(environment.name)
        if name in taken:
            context.sink.report(
                codes.DUPLICATE_NAME,
                f'"{name}" is the job that builds the environment "{environment.name}"',
                taken[name].origin,
                help="give this job another name, or let it build that environment: `environment` beside `build`",
            )
            continue
        made = _build_job(environment)
        other = builds.setdefault(name, made)
        if other != made:
            message = f'"{name}" would build two environments: one in place takes the name of whose it is'
            first = labels((other.origin, "the other one is here"))
            context.sink.report(codes.DUPLICATE_NAME, message, environment.origin, labels=first)
    return (*jobs, *builds.values()) if builds else jobs


def _may_build(job: Job) -> bool:
    """Whether a job builds an image, or has an environment of its own that wants one built."""
    environment = job.environment
    return isinstance(job.action, BuildImage) or (isinstance(environment, Environment) and _is_built(environment))


def _is_built(environment: Environment) -> bool:
    return environment.build is not None or environment.base is not None


def _filled(job: Job, built: dict[str, Environment], context: Context) -> Job:
    """A job of the manifest's own that builds an environment's image builds what the environment says."""
    action = job.action
    if not isinstance(action, BuildImage) or action.environment is None or action.build != Build():
        return job
    environment = built.get(action.environment)
    if environment is None or environment.build is None:
        at = action.origin or job.origin
        context.unknown(codes.UNKNOWN_ENVIRONMENT, "an environment with a build", action.environment, built, at)
        return job
    publish = action.publish if action.publish is not None else environment.publish
    return job.replace(action=action.replace(build=environment.build, publish=publish))


def builders(jobs: tuple[Job, ...]) -> dict[str, str]:
    """The job that builds each environment's image (the first one), by the environment's name."""
    found: dict[str, str] = {}
    for job in jobs:
        if isinstance(job.action, BuildImage) and job.action.environment is not None:
            found.setdefault(job.action.environment, job.name)
    return found


def _named(environment: Environment | str, name: str) -> Environment | str:
    """An environment in place takes the name of whose it is."""
    if isinstance(environment, str) or environment.name:
        return environment
    return environment.replace(name=name)


def _of_services(project: Project) -> tuple[Environment | str, ...]:
    return tuple(_named(service.environment, service.name) for service in project.services if service.environment)


def _of_models(project: Project) -> tuple[str, ...]:
    """The environments whose builds models name as steps."""
    steps = (
        step
        for model in project.models
        for step in (model.train, model.validate, model.test, model.package, model.deploy)
    )
    return tuple(step[6:] for step in steps if isinstance(step, str) and step.startswith("build-"))


def resolve_environments(project: Project, context: Context) -> Project:
    known = {environment.name: environment for environment in project.environments if environment.name}

    def resolve(jobs: tuple[Job, ...], pool: tuple[Job, ...]) -> tuple[Job, ...]:
        built_by = builders((*jobs, *pool))
        return tuple(_resolved(job, known, built_by, context) for job in jobs)

    return over_pool(project, resolve)


def _resolved(job: Job, known: dict[str, Environment], built_by: dict[str, str], context: Context) -> Job:
    for image in deployed_images(job.action) if isinstance(job.action, Deploy) else ():
        job = _deploying(job, image, built_by, context)
    named = job.environment
    if isinstance(named, str):
        environment = known.get(named)
        if environment is None:
            what = "an environment of this manifest"
            context.unknown(codes.UNKNOWN_ENVIRONMENT, what, named, known, job.origin, "environment")
            return job.replace(environment=None)
    elif named is None:
        return job
    else:
        environment = named
    check_installer(environment, environment.origin or job.origin, context)
    if job.platform is None and environment.platform is not None:
        job = job.replace(platform=environment.platform)
    if _is_built(environment):
        return _in_built_image(job, environment, built_by, context)
    accelerated = job.resources is not None and job.resources.accelerator is not None
    environment = with_image(environment, accelerated)
    return job if environment is named else job.replace(environment=environment)


# Which installers read what an environment says beside its `install`.
_READ_BY = {"file": ("pip", "conda"), "groups": ("uv", "poetry", "pipenv"), "extras": ("uv", "poetry")}


def check_installer(environment: Environment, at: Origin | None, context: Context) -> None:
    """What an environment says and nobody would do."""
    if environment.working_directory and not (environment.installer or environment.setup or environment.base):
        message = "`working_directory` of an environment is where it is set up, and there is nothing to set up"
        advice = "a job has a `working_directory` of its own: the folder that its command runs in"
        context.sink.report(codes.UNUSED, message, at, field="working_directory", help=advice)
    if not (environment.file or environment.groups or environment.extras):
        return
    for key, installers in _READ_BY.items():
        if getattr(environment, key) and environment.installer not in installers:
            given = (
                f"`install: {environment.installer}`" if environment.installer else "an environment without `install`"
            )
            advice = f"it is for {listed(installers)}"
            context.sink.report(codes.KEYS_EXCLUDE, f"`{key}` means nothing to {given}", at, field=key, help=advice)


def _deploying(job: Job, image: str, built_by: dict[str, str], context: Context) -> Job:
    """A deployment of a built image waits for its build, and does not run where that pushes nothing."""
    if image not in built_by:
        return job
    condition = both(job.condition, NOT_A_CHANGE_REQUEST)
    if condition != job.condition:
        report_skipped(job, context)
    need = Need(job=built_by[image], artifacts=False, origin=job.origin)
    return job.replace(condition=condition, needs=with_need(job.needs, need))


def with_image(environment: Environment, accelerated: bool = False) -> Environment:
    """An environment that says a Python or an installer runs in an image of the table, unless it names one."""
    wants = environment.python or environment.installer or environment.apt or environment.setup
    if environment.image is not None or not wants:
        return environment
    version = environment.python or images.DEFAULT_PYTHON
    if accelerated and environment.installer != "conda":
        return environment.replace(
            python=version,
            image=(images.CUDA_IMAGE,),
            apt=(*images.CUDA_PACKAGES, *environment.apt),
            prelude=images.cuda_prelude(version),
        )
    return environment.replace(python=version, image=(images.python_image(version, environment.installer),))


def _in_built_image(job: Job, environment: Environment, built_by: dict[str, str], context: Context) -> Job:
    name = environment.name or job.name
    report_skipped(job, context)
    if environment.base is not None:  # the image has them
        environment = environment.replace(apt=NOTHING, prelude=NOTHING, prebuild=None, publish=None)
    return job.replace(
        environment=environment.replace(name=name, image=(Ref(kind="images", name=name),)),
        needs=with_need(job.needs, Need(job=built_by.get(name, build_name(name)), artifacts=False, origin=job.origin)),
        condition=both(job.condition, NOT_A_CHANGE_REQUEST),
    )


def report_skipped(job: Job, context: Context) -> None:
    message = f'"{job.name}" does not run on change requests: they build its image without pushing it'
    context.sink.report(codes.SKIPPED_NEED, message, job.origin)


def with_need(needs: tuple[Need, ...], need: Need) -> tuple[Need, ...]:
    """Needs with one more, unless the job is needed already: what is written wins."""
    return needs if any(given.job == need.job for given in needs) else (*needs, need)


def both(condition: Condition | None, other: Condition) -> Condition:
    return other if condition is None or condition == other else And(terms=(condition, other))


def _build_job(environment: Environment) -> Job:
    assert environment.name is not None
    software = (
        None
        if environment.build is not None
        else environment.replace(base=None, publish=None, prebuild=None, setup=NOTHING)
    )
    build = environment.build or Build()
    action = BuildImage(build=build, publish=environment.publish, environment=environment.name, software=software)
    return Job(
        name=build_name(environment.name), action=action, platform=environment.platform, origin=environment.origin
    )


def place_unused_builds(project: Project, context: Context) -> Project:
    """An image that is only published is built after all other jobs of its pipeline that nobody waits for."""

    def place(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        if not any(isinstance(job.action, BuildImage) for job in jobs):
            return jobs
        _check_kept(jobs, told, context)
        needed = {need.job for job in jobs for need in job.needs}
        last = [job.name for job in jobs if job.name not in needed and not isinstance(job.action, BuildImage)]
        return tuple([_placed(job, () if job.name in needed else last) for job in jobs])

    told: set[str] = set()
    return over_groups(project, place)


def _check_kept(jobs: tuple[Job, ...], told: set[str], context: Context) -> None:
    """Say of each image that is built and goes nowhere: that the Dockerfile works is all that such a job shows."""
    used: set[str] = set()
    for job in jobs:
        used.update(ref.name for ref in holes(job) if ref.kind == "images")
        used.update(deployed_images(job.action) if isinstance(job.action, Deploy) else ())
    for job in jobs:
        action = job.action
        if not isinstance(action, BuildImage) or job.name in told:
            continue
        is_used = (action.environment or job.name) in used
        if job.matrix is not None and (is_used or action.publish is not None):
            _check_pushed(job, action, is_used, told, context)
        if action.publish is None and not is_used:
            told.add(job.name)
            message = f'"{job.name}" builds an image that nobody keeps: it is not published, and no job runs in it or deploys it'
            advice = "say where it goes with `publish`; without, the job shows that the image can be built"
            context.sink.report(codes.UNKEPT_IMAGE, message, job.origin, help=advice)


def _check_pushed(job: Job, action: BuildImage, is_used: bool, told: set[str], context: Context) -> None:
    """Legs that push to one repository have no tag in common, and what jobs run in or deploy is one image.

    The commit's tag, which each image gets, is the last leg's: it stands for none where the others tell legs apart.
    """
    from compiler.matrix import legs
    from compiler.passes.edges import concrete

    every = legs(job.matrix)
    if len(every) < 2:
        return

    def is_told_apart(text: Text | None) -> bool:
        return text is not None and len({concrete(text, leg) for leg in every}) == len(every)

    publish = action.publish
    tags = [tag for tag in publish.tags if tag != ("commit",)] if publish is not None else []
    is_apart = publish is not None and (is_told_apart(publish.repository) or (tags and all(map(is_told_apart, tags))))
    if is_apart and not is_used:
        return
    told.add(job.name)
    at = (job.matrix.origin if job.matrix is not None else None) or job.origin
    where = labels((publish.origin, "where it is pushed")) if publish is not None else ()
    message = f'the legs of "{job.name}" all push one image'
    advice = "name every axis that varies in its `repository`, or in each of its `tags`"
    if is_apart:
        message = f'"{job.name}" pushes an image for each leg, and jobs run in it or deploy it as in one'
        advice = "build the one that jobs use in a job without a matrix"
    context.sink.report(codes.LEGS_COLLIDE, message, at, labels=where, help=advice)


def _placed(job: Job, last: Iterable[str]) -> Job:
    if not isinstance(job.action, BuildImage) or job.needs is not NOTHING:
        return job
    needs = (Need(job=name, artifacts=True, optional=False, legs="all", origin=job.origin) for name in last)
    return job.replace(needs=tuple(needs))
