"""A pipeline that is split over child workflows, run by Argo's own controller: what runs when a job of one part fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.engines import argo
from tests.engines.cases import Case, Run
from tests.engines.checkout import Checkout
from tests.tools.process import Completed, program, run

pytestmark = pytest.mark.engine

MANIFEST = """\
version: 1
name: parts
jobs:
  good: {run: python3 witness.py good --write good.txt fine, outputs: [good.txt]}
  broken: {run: python3 witness.py broken --write broken.txt half --exit 1, outputs: [broken.txt]}
  lint: {run: python3 witness.py lint --exit 3, allow_failure: true}
  far: {needs: [good], run: python3 witness.py far}
  after-broken: {needs: [broken], run: python3 witness.py after-broken}
  tell: {needs: [good, broken, after-broken], run_on: failure, run: python3 witness.py tell --write told.txt told, outputs: [told.txt]}
  quiet: {needs: [good, lint], run_on: failure, run: python3 witness.py quiet}
  clean: {needs: [after-broken, broken, good], run_on: always, run: python3 witness.py clean}
  after-tell: {needs: [tell], run: python3 witness.py after-tell}
  after-quiet: {needs: [quiet], run: python3 witness.py after-quiet}
"""
SMALL = "from targets.argo.options import LIMITS; LIMITS['tasks'] = 11; from compiler.cli import main; raise SystemExit(main())"


class Split(Checkout):
    """A checkout whose output holds three jobs an object."""

    def headrace(self, *arguments: str, limit: float = 60.0) -> Completed:
        root = Path(__file__).resolve().parents[2]
        env = {"PYTHONPATH": str(root), "HOME": str(self.home)}
        return run([sys.executable, "-c", SMALL, *arguments], cwd=self.folder, env=env, limit=limit)


@pytest.mark.parametrize("fails", [True, False])
def test_what_became_of_jobs_is_known_in_other_parts(tmp_path: Path, fails: bool) -> None:
    program("argo-engine")
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "headrace.yaml").write_text(MANIFEST if fails else MANIFEST.replace("--exit 1", "--exit 0"))
    checkout = Split(Case("parts", folder, [], []), tmp_path / "run", argo.TARGET, argo.adapt)
    assert "  name: parts-part-4\n" in "".join(path.read_text() for path in (checkout.folder / "argo").glob("*.y*ml"))
    asked = Run()
    checkout.prepare(asked)
    seen = argo.execute(checkout, asked)
    ran = {one.job: sorted(path for path in one.files if path.endswith(".txt")) for one in seen.testimonies}
    always = {"good": [], "broken": [], "lint": []}
    if fails:
        assert ran == {**always, "tell": ["good.txt"], "clean": ["good.txt"], "after-tell": ["told.txt"]}, seen.log
    else:
        both = ["broken.txt", "good.txt"]
        assert ran == {**always, "far": ["good.txt"], "after-broken": ["broken.txt"], "clean": both}, seen.log
    assert seen.status == ("failed" if fails else "succeeded")
