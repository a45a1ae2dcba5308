"""Configurations are composed as Hydra composes them: MML's own tree, and trees of a repository's own."""

from __future__ import annotations

import logging
import shlex
import warnings
from pathlib import Path
from random import Random
from typing import Any

import pytest

from compiler.diagnostics import Sink
from compiler.frontends.mml import commandlines, composing, grammar
from compiler.frontends.mml.defaults import ComposeError
from compiler.frontends.mml.ownconfigs import read_tree
from compiler.repository import Repository
from tests import mml_trees
from tests.test_mml_planner import RECORDED, blocks

LINES = 3  # command lines a tree


def own(folder: Path, words: list[str]) -> tuple[Any, Any]:
    """What we make of the files below a folder: configuration and choices, nothing where we refuse."""
    sink = Sink()
    tree = read_tree(folder.name, Repository(str(folder.parent)), sink)
    assert not sink.failed
    try:
        return composing.compose(tree, [grammar.parse(word) for word in words])
    except ComposeError:
        return None, None


def hydras(folder: Path, words: list[str]) -> tuple[Any, Any]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf, open_dict

    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), version_base=None):
            config = compose("config_mml", words, return_hydra_config=True)
            choices = {key: value for key, value in config.hydra.runtime.choices.items() if not key.startswith("hydra")}
            with open_dict(config):
                del config["hydra"]
            return OmegaConf.to_container(config), choices
    except Exception:  # Hydra refuses by errors of many kinds, AssertionError and RecursionError among them
        return None, None


@pytest.mark.parametrize("trees", [range(12), pytest.param(range(12, 200), marks=pytest.mark.engine)])
def test_trees_by_chance_come_out_as_hydra_has_them(tmp_path: Path, trees: range) -> None:
    pytest.importorskip("hydra", reason="hydra-core is not installed")
    logging.getLogger("hydra").setLevel(logging.CRITICAL)
    same = 0
    for seed in trees:
        random = Random(seed)
        folder = tmp_path / str(seed) / "configs"
        mml_trees.make(random, folder)
        chosen = list(own(folder, [])[1] or {})
        for _ in range(LINES):
            words = mml_trees.overrides(random, chosen)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = hydras(folder, words)
            found = own(folder, words)
            assert repr(found) == repr(expected), (seed, words)  # by their texts: 1 is not true, and nan is itself
            same += expected[0] is not None
    assert same > len(trees) * LINES / 5


@pytest.mark.parametrize("every", [80, pytest.param(12, marks=pytest.mark.engine)])
def test_mmls_own_tree_comes_out_as_hydra_has_it(every: int) -> None:
    pytest.importorskip("hydra", reason="hydra-core is not installed")
    from hydra import compose, initialize
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    store = ConfigStore.instance()
    tree = composing.built_in(composing.plugins())
    for name, node in tree.items():
        group, _, option = name.rpartition("/")
        values = node.get("values", {})
        if not isinstance(values, dict):
            values = {}  # lists of metrics, which the store can't hold
        values = {key: value for key, value in values.items() if key != "hydra"}  # its sweeper is a plug-in of its own
        defaults = [entry for entry in node.get("defaults", ()) if "hydra" not in str(entry)]
        content = {**({"defaults": defaults} if defaults else {}), **values}
        store.store(option, OmegaConf.create(content), group or None, node.get("package"))
    compared = 0
    with initialize(version_base=None, config_path=None):
        for line, _ in blocks(RECORDED.read_text(encoding="utf-8"))[::every]:
            words = commandlines.read(commandlines.arguments_of(shlex.split(line)) or [])[0]
            try:
                mine, _ = composing.compose(tree, words.overrides)
            except ComposeError:
                mine = None
            try:
                theirs: Any = OmegaConf.to_container(compose("config_mml", words.words))
            except HydraException:
                theirs = None
            if mine is None or theirs is None:
                assert mine is theirs, line
                continue
            for config in (mine, theirs):
                config.pop("hydra", None)
                config.pop("metrics", None)
            assert mine == theirs, line
            compared += 1
    assert compared > 200 / every
