"""Shell text with holes, run by real shells: a value arrives as it is, wherever the hole stands."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from compiler.text import parse, shell_faults
from targets.commands import shell_text, variable

H = "{{ parameters.lr }}"
VALUE = "a  b'c\"$(touch x)`*\\"
SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("script", "printed"),
    [
        (f"printf %s {H}", VALUE),
        (f'printf %s "{H}"', VALUE),
        (f"printf %s --x={H}.csv", f"--x={VALUE}.csv"),
        (f"printf %s 'it'{H}'s'", f"it{VALUE}s"),
        (f"# don't\nprintf %s {H}", VALUE),
        (f'printf %s "it\'s {H}"', f"it's {VALUE}"),
        (f'x={H}\nprintf %s "$x"', VALUE),
        (f"cat <<EOF\nit's {H}\nEOF", f"it's {VALUE}\n"),
        (f"cat <<-EOF\n\tit's\n\tEOF\nprintf %s {H}", f"it's\n{VALUE}"),
        (f"cat <<'EOF' >/dev/null\nit's\nEOF\nprintf %s {H}", VALUE),
        (f'printf %s "$(printf %s {H})"', VALUE),
        (f"printf %s ${{none:-{H}}}", VALUE),
        (f"(printf %s {H})", VALUE),
        (f"case {H} in *) printf %s {H};; esac", VALUE),
        (f"printf '%s' a#{H}", f"a#{VALUE}"),
        (f"printf %s \\\n  {H}", VALUE),
    ],
)
def test_a_value_arrives_as_it_is(shell: str, script: str, printed: str, tmp_path: object) -> None:
    assert shell_faults(script) == []
    text = parse(script)
    name = next(variable(piece) for piece in text if not isinstance(piece, str))
    run = subprocess.run(
        [shell, "-euc", shell_text(text)],
        env={name: VALUE, "PATH": "/usr/bin:/bin"},
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == (printed, "")
