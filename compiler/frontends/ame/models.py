"""Models: trained, validated, looked up in MLflow's registry, and served by a Deployment behind an Ingress.

What serves is MLflow itself, as in AME; the version is the newest one of the registry when the pods start, and they are
replaced at every rollout. https://mlflow.org/docs/latest/ml/deployment/
"""

from __future__ import annotations

from compiler import images, ir, kubernetes
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config
from compiler.frontends.ame.names import legal
from compiler.frontends.ame.references import is_bare
from compiler.frontends.ame.resources import resources_of
from compiler.frontends.ame.schedules import triggers_of
from compiler.ir import NOTHING, EnvVar, Ingress, Need, OnPush, Rollout, Script, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.ame.lowering import Lowering
    from compiler.ir import Text, Trigger

PORT = 5000
USER = 1001  # whom AME's containers run as
MODEL = "MODEL_NAME"  # the variable that carries a model's name
_SERVE = f'mlflow models serve --model-uri "models:/${MODEL}/latest" --host 0.0.0.0 --port {PORT}'
_INSTALL = f"python -m venv /tmp/mlflow && /tmp/mlflow/bin/pip install --quiet mlflow=={images.MLFLOW_VERSION} uv=={images.UV_VERSION}"
_PATH = 'export PATH="/tmp/mlflow/bin:$PATH"'
# The newest version of the registry, or an end with a reason.
_REGISTERED = f"""python -c '
import os
from mlflow import MlflowClient
name = os.environ["{MODEL}"]
versions = [int(one.version) for one in MlflowClient().search_model_versions(f"name={{name!r}}")]
print(f"{{name}} has version {{max(versions)}}") if versions else exit(f"{{name}} is not registered")
'"""


class Models:
    """A project's models on their way: what they are in the IR, and their pipelines."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.models: list[ir.Model] = []
        self.services: list[Service] = []
        self.names: set[str] = set()

    def mark(self) -> None:
        """Tell which tasks of the project's list train a model: they have to reach MLflow."""
        tasks = {task.name: task for task in reversed(self.lowering.own.tasks)}
        for model in self.lowering.own.models:
            if model.training is not None and model.training.reference is not None:
                found = tasks.get(model.training.reference.name)
                if found is not None:
                    self.lowering.tracked.add(id(found))

    def lower(self) -> None:
        for model in self.lowering.own.models:
            if model.name in self.names:
                message = f'a second model is named "{model.name}"'
                self.lowering.sink.report(ame.SECOND_NAME, message, model.origin, notes=("it is left out",))
                continue
            self.names.add(model.name)
            self._model(model)

    def _model(self, model: config.Model) -> None:
        name = legal(model.name, model.origin, self.lowering.sink)
        train = self._training(model, name)
        needs = tuple(Need(job=job, origin=model.origin) for job in train[:-1])
        validate = self._validation(model, name, needs)
        last = validate or train[-1:]
        deployment = model.deployment
        if (model.training and not train) or (model.validation and not validate):
            return  # what is wrong with it is reported
        made = ir.Model(
            name=name,
            train=train[-1] if train else None,
            validate=validate[-1] if validate else None,
            origin=model.origin,
        )
        if deployment is not None and deployment.wanted is not False:
            service = self._service(model, name, deployment, last or train)
            self.services.append(service)
            last = [f"deploy-{service.name}"]
            made = made.replace(deploy=last[0])
        if not last:
            self.lowering.sink.report(ame.NOTHING_TO_RUN, f'the model "{model.name}" says nothing to run', model.origin)
            return
        self.models.append(made)
        self.lowering.add_pipeline(name, last, self._triggers(model), model.origin)

    def _triggers(self, model: config.Model) -> tuple[Trigger, ...]:
        """AME trains a project's models by itself; where it is told not to, a person does."""
        training = model.training
        schedule = model.schedule or (training.schedule if training is not None else None)
        scheduled = triggers_of(schedule, self.lowering.own, self.lowering.sink)
        old = (
            model.deployment is not None and model.deployment.automatic is False and model.deployment.wanted is not None
        )
        return scheduled if old else (OnPush(), *scheduled)

    def _training(self, model: config.Model, name: str) -> list[str]:
        """The jobs that train ends with: a task of the list trains as itself."""
        lowering = self.lowering
        task = model.training
        if task is None:
            return []
        whole = lowering.references.whole(task, "training")
        if whole is None:
            return []
        if task.reference is not None and is_bare(task):
            found = lowering.references.task(task.reference, lowering.own.name)
            if id(found) in lowering.job_of:
                return lowering.job_of[id(found)]
        wanted = f"{name}-train"
        if whole.steps:
            return lowering.steps(whole, wanted)
        own = legal(whole.name, whole.origin, lowering.sink) if whole.name and task.reference is None else wanted
        return lowering.add_job(whole, lowering.job_names.free(own, wanted), tracked=True)

    def _validation(self, model: config.Model, name: str, needs: tuple[Need, ...]) -> list[str]:
        """A job of its own even where it refers to a task of the list, which by itself waits for no training."""
        lowering = self.lowering
        if model.validation is None:
            return []
        whole = lowering.references.whole(model.validation, "validation")
        if whole is None:
            return []
        lowering.lost_trigger(model.validation)
        wanted = f"{name}-validate"
        if whole.steps:
            return lowering.steps(whole, wanted)[-1:]
        own = (
            legal(whole.name, whole.origin, lowering.sink) if whole.name and not model.validation.reference else wanted
        )
        return lowering.add_job(whole, lowering.job_names.free(own, wanted), needs or NOTHING, tracked=True)

    # --------------------------------------------------------------------------------------------------------- serving

    def _service(self, model: config.Model, name: str, deployment: config.Deployment, last: list[str]) -> Service:
        lowering = self.lowering
        free = self._service_name(kubernetes.legal(name))
        image = deployment.image
        command = f"exec {_SERVE}" if image else f"{_INSTALL} && {_PATH} && exec {_SERVE} --env-manager uv"
        smoke = _REGISTERED if image else f"{_INSTALL}\n{_PATH}\n{_REGISTERED}"
        approve = True if deployment.automatic is False and deployment.wanted is None else None
        tracking = lowering.tracking(model.origin)
        home = () if image else (EnvVar(name="HOME", value=("/tmp",), origin=model.origin),)
        words: tuple[Text, ...] = (("sh",), ("-c",), (command,))
        return Service(
            name=free,
            environment=ir.Environment(
                image=(image or images.python_image(images.DEFAULT_PYTHON, None),), origin=deployment.origin
            ),
            command=words,
            port=PORT,
            user=USER,
            replicas=deployment.replicas,
            resources=resources_of(deployment.resources, lowering.sink) if deployment.resources else None,
            env=(EnvVar(name=MODEL, value=(model.name,), origin=model.origin), *home),
            secrets=(tracking,),
            health="/health",
            smoke=Script(lines=(smoke,), origin=deployment.origin),
            deploy=Rollout(
                platform="kubernetes",
                ingress=self._ingress(name, deployment),
                approve=approve,
                restart=True,
                origin=deployment.origin,
            ),
            needs=tuple(Need(job=job, artifacts=False, origin=model.origin) for job in last) or NOTHING,
            origin=model.origin,
        )

    def _service_name(self, wanted: str) -> str:
        """A name whose jobs `smoke-NAME` and `deploy-NAME` nothing else is called."""
        taken = self.lowering.job_names.taken
        number, name = 1, wanted
        while f"smoke-{name}" in taken or f"deploy-{name}" in taken:
            number += 1
            name = f"{wanted[:55]}-{number}"
        taken.update((f"smoke-{name}", f"deploy-{name}"))
        return name

    def _ingress(self, name: str, deployment: config.Deployment) -> Ingress:
        """AME's: the model answers below its path, from which that is cut off. The host is the cluster's matter."""
        annotations = {
            "nginx.ingress.kubernetes.io/rewrite-target": "/$2",
            "nginx.ingress.kubernetes.io/ssl-redirect": "false",
        } | dict(deployment.annotations)
        return Ingress(
            path=f"/projects/{self.lowering.own.name}/models/{name}(/|$)(.*)",
            tls=deployment.tls is not False,
            annotations=tuple(annotations.items()),
            class_name="nginx",
            origin=deployment.origin,
        )
