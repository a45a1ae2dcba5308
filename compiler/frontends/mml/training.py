"""The jobs of training, prediction and test: one a fold, each behind what it reads."""

from __future__ import annotations

from compiler.frontends.mml import codes
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.graph import FOLD, OUT, Graph, Held, Wanted
from compiler.frontends.mml.modes import tags
from compiler.frontends.mml.planner import TAG, nested
from compiler.frontends.mml.results import collect
from compiler.frontends.mml.runs import written
from compiler.frontends.mml.words import text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.ir import Ref, Text


def train(graph: Graph) -> None:
    """The jobs of a train, predict, test or tl run."""
    Training(graph).make()


class Training:
    """The jobs of a train, predict, test or tl run."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.run, self.plan = graph, graph.run, graph.plan
        self.config: dict[str, Any] = graph.run.config
        self.pivot = str(graph.plan.pivot)
        self.is_nested = bool(get(self.config, "mode.nested"))
        self.crosses = bool(get(self.config, "mode.cv"))
        self.folds = graph.plan.folds
        self.subroutines = get(self.config, "mode.subroutines") or []
        self.carried = graph.experiment.results.path is None

    def make(self) -> None:
        graph = self.graph
        if self.is_nested:
            tags(graph, [nested(self.pivot, fold) for fold in range(self.folds)])
        if "train" in self.subroutines:
            graph.own = self.train()
            graph.models.setdefault(graph.user_project, []).extend(graph.own)
        models = graph.own or self._given()
        if not models and not graph.reused("models") and {"predict", "test"} & set(self.subroutines):
            message = f'there is no model of "{self.pivot}": nothing is trained here, and nothing reused'
            advice = "write reuse.models=PROJECT"
            graph.sink.report(codes.UNKNOWN_MODELS, message, self.run.origin, help=advice)
        if "predict" in self.subroutines and models:
            self.predict(models)
        if "test" in self.subroutines and models:
            self.test(models)
        if not graph.own:
            graph.own = models
        if graph.own and (self.subroutines or self.run.objectives):
            collect(graph)

    def _given(self) -> list[Held]:
        """The model of each fold, of what is reused: the newest of that task and fold."""
        held = self.graph.held("models")
        found = []
        for fold in range(self.folds):
            task, number = (nested(self.pivot, fold), 0) if self.is_nested else (self.pivot, fold)
            fitting = [one for one in held if one.task == task and one.fold == number]
            fitting = fitting or [one for one in held if not one.task]
            if fitting:
                found.append(fitting[-1])
        if held and len(found) < self.folds:
            message = f'the reused projects hold no model for each fold of "{self.pivot}"'
            self.graph.sink.report(codes.UNKNOWN_MODELS, message, self.run.origin)
            return []
        return found

    def leg(self) -> Ref | str:
        return FOLD if self.folds > 1 else "0"

    def task(self) -> list[str | Ref]:
        """The words that choose one fold of nested training, or the task itself."""
        name: list[str | Ref] = ["pivot.name=", *([f"{self.pivot}{TAG}nested?", self.leg()] if self.is_nested else [])]
        return name if self.is_nested else [f"pivot.name={written(self.pivot)}"]

    def selection(self) -> list[Text]:
        """Pivot and folds of one step. Without nesting a fold of several is picked by the launcher."""
        single = self.is_nested or not self.crosses
        return [text(*self.task()), ("mode.nested=false",), *([("mode.cv=false",)] if single else [])]

    def only(self, method: str, evaluated: Sequence[str | None] | None = None) -> Text | None:
        """The steps that the launcher keeps; None where the command line itself says which."""
        if self.is_nested or not self.crosses:
            return None
        start: list[str | Ref] = [f"{method}:{self.pivot}:", self.leg()]
        if evaluated is None:
            return text(*start)
        found: list[str | Ref] = []
        for other in evaluated:
            found += [*([";"] if found else []), *start, f":{other}"]
        return text(*found)

    def others(self) -> list[str]:
        """Tasks that a training step reads besides its own: co-tasks, and the one that it begins with."""
        found: list[str] = []
        if get(self.config, "mode.multitask"):
            found += self.co_tasks()
        source = get(self.config, "mode.pretrain_task")
        if isinstance(source, str) and source != "???" and source not in found:
            found.append(source)
        return found

    def co_tasks(self) -> list[str]:
        """The tasks that are learned together; MML draws them at each start, so that they are drawn here, once."""
        said = get(self.config, "mode.co_tasks")
        if isinstance(said, list):
            return [str(one) for one in said]
        from random import Random

        count = int(get(self.config, "mode.multitask")) - 1
        choices = [task for task in self.plan.tasks if not task.startswith(self.pivot)]
        return Random(f"{get(self.config, 'seed')} {self.run.name}").sample(choices, min(count, len(choices)))

    def train(self) -> list[Held]:
        graph, wanted = self.graph, Wanted()
        others = self.others()
        graph.want_data([*self._own_tasks(), *others], wanted)
        project = text(f"{graph.unit}__f", self.leg())
        more: list[Text] = [*self.selection(), ("mode.subroutines=[train]",)]
        if others:
            more.append((f"task_list={written(others)}",))
        if get(self.config, "mode.multitask"):
            more.append((f"mode.co_tasks={written(self.co_tasks())}",))
        more += texts(graph.reuse(wanted))
        mode = "tl" if graph.mode() == "tl" else "train"
        words = graph.words(mode, project, *more, gpu=True)
        keep = [text("results/", *project)] if self.carried else []
        name, tars = graph.step(
            f"{self.run.name}-fold" if self.folds > 1 else f"{self.run.name}-model",
            project, words, wanted, keep, gpu=True, folds=self.folds, only=self.only("train_fold"),
        )  # fmt: skip
        return [
            Held(
                name,
                tars[fold] if tars else "",
                f"{graph.unit}__f{fold}",
                nested(self.pivot, fold) if self.is_nested else self.pivot,
                0 if self.is_nested else fold,
                name if self.folds > 1 else None,
            )
            for fold in range(self.folds)
        ]

    def _own_tasks(self) -> list[str]:
        if self.is_nested:
            return [self.pivot, *(nested(self.pivot, fold) for fold in range(self.folds))]
        return [self.pivot]

    def evaluated(self) -> list[str]:
        said = get(self.config, "mode.eval_on")
        return [str(one) for one in said] if isinstance(said, list) else []

    def predict(self, models: list[Held]) -> None:
        graph, wanted = self.graph, Wanted()
        said = self.evaluated()
        graph.want_data([*self._own_tasks(), *said], wanted)
        paired = self._want_models(models, wanted)
        project = text(f"{graph.unit}__f", self.leg(), "_pred")
        source = self._source(models, paired)
        more = [*self.selection(), ("mode.subroutines=[predict]",)]
        if said:
            more += [(f"task_list={written(said)}",), (f"mode.eval_on={written(said)}",)]
        elif self.is_nested:
            more.append((f"task_list={written([self.pivot])}",))
            more.append(text(f"mode.eval_on=[{self.pivot}{TAG}nested?", self.leg(), f",{written(self.pivot)}]"))
        more.append(text("reuse.models=", *source))
        words = graph.words("predict", project, *more, gpu=True)
        keep = [text("results/", *project), text("results/", *source, "/MODELS")] if self.carried else []
        name, tars = graph.step(
            f"{self.run.name}-predict", project, words, wanted, keep, gpu=True, folds=self.folds,
            only=self.only("predict_fold", said or [None]),
        )  # fmt: skip
        for fold, model in enumerate(models):
            held = Held(name, tars[fold] if tars else "", f"{graph.unit}__f{fold}_pred")
            model.updates.append(held)

    def _want_models(self, models: list[Held], wanted: Wanted) -> bool:
        """Take the models; gives whether each leg takes its own alone."""
        jobs = {model.job for model in models}
        paired = self.folds > 1 and len(jobs) == 1 and all(model.legs is not None for model in models)
        paired = paired and all(model.project.endswith(f"__f{fold}") for fold, model in enumerate(models))
        if not paired or any(model.updates for model in models):
            for model in models:
                self.graph.want(model, wanted)
            return paired
        if not self.carried:
            wanted.job(models[0].job, "same")
        else:
            wanted.tar(models[0].job, f"{OUT}/{models[0].job}-", FOLD, ".tar", legs="same")
        return True

    def _source(self, models: list[Held], paired: bool) -> list[str | Ref]:
        if paired:
            return [models[0].project.removesuffix("0"), FOLD]
        names = list(dict.fromkeys(model.project for model in models))
        return [names[0]] if len(names) == 1 else [written(names)]

    def test(self, models: list[Held]) -> None:
        """The newest model: of nested training the first fold's, else the last fold's."""
        graph, wanted = self.graph, Wanted()
        model = models[0] if self.is_nested else models[-1]
        said = self.evaluated()
        graph.want_data([*self._own_tasks()[:2], *said], wanted)
        graph.want(model, wanted)
        project = f"{graph.unit}__test"
        task = nested(self.pivot, 0) if self.is_nested else self.pivot
        more = [f"pivot.name={written(task)}", "mode.nested=false", "mode.cv=false", "mode.subroutines=[test]"]
        more += [f"task_list={written(said)}", f"mode.eval_on={written(said)}"] if said else []
        words = graph.words("test", project, *more, f"reuse.models={written(model.project)}", gpu=True)
        keep = [f"results/{project}", f"results/{model.project}/MODELS"] if self.carried else []
        name, tars = graph.step(f"{self.run.name}-test", project, words, wanted, keep, gpu=True)
        model.updates.append(Held(name, tars[0] if tars else "", project))
