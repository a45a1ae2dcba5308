"""Text with holes: what parses, what is refused and with which advice, and where a shell would not expand a hole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import text
from compiler.ir import Ref

LR = Ref(kind="parameters", name="lr")


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("--lr {{ parameters.lr }}", ("--lr ", LR)),
        ("{{parameters.lr}}", (LR,)),
        ("{{ parameters . lr }}x", (LR, "x")),
        ("{{ parameters.learning-rate }}", (Ref(kind="parameters", name="learning-rate"),)),
        ("{{ matrix.fold }}/{{ git.commit }}", (Ref(kind="matrix", name="fold"), "/", Ref(kind="git", name="commit"))),
        ("{{ sidecars.db.host }}", (Ref(kind="sidecars", name="db", member="host"),)),
        ("{{ images.py }}", (Ref(kind="images", name="py"),)),
        ("{{ run.id }}{{ project.name }}", (Ref(kind="run", name="id"), Ref(kind="project", name="name"))),
        ("{{ '{{' }} x }}", ("{{ x }}",)),
        ('{{ "{{" }}', ("{{",)),
        ("a}} b", ("a}} b",)),
        ("{{{ parameters.lr }}}", ("{", LR, "}")),
        ("{{ '$' }}{{ parameters.lr }}", ("$", LR)),
        ("${{ '{{' }} github.sha }}", ("${{ github.sha }}",)),
        ("$[[ inputs.x ]]", ("$[[ inputs.x ]]",)),
    ],
)
def test_reads(written: str, pieces: tuple[object, ...]) -> None:
    assert text.parse(written) == pieces
    assert text.parse(text.spelled(pieces)) == pieces  # type: ignore[arg-type]  # pieces of both kinds


@pytest.mark.parametrize(
    ("written", "offset", "suggestion"),
    [
        ("x {{ lr }}", 2, None),
        ("{{ parameter.lr }}", 0, "{{ parameters.lr }}"),
        ("{{ inputs.lr }}", 0, "{{ parameters.lr }}"),
        ("{{ git.comit }}", 0, "{{ git.commit }}"),
        ("a ${{ github.sha }}", 2, "{{ git.commit }}"),
        ("${{ matrix.fold }}", 0, "{{ matrix.fold }}"),
        ("{{ parameters.lr | upper }}", 0, "{{ parameters.lr }}"),
        ("{{ parameters.lr.x }}", 0, None),
        ("{{ parameters }}", 0, None),
        ("{{ git }}", 0, None),
        ("{{ sidecars.db }}", 0, None),
        ("{{ sidecars.db.hots }}", 0, "{{ sidecars.db.host }}"),
        ("{{ secrets.TOKEN }}", 0, None),
        ("{{ 1 + 1 }}", 0, None),
        ("{{ never", 0, None),
        ("{{", 0, None),
        ("{{}}", 0, None),
        ("docker inspect -f '{{.Id}}'", 19, None),
    ],
)
def test_refuses(written: str, offset: int, suggestion: str | None) -> None:
    with pytest.raises(text.HoleError) as raised:
        text.parse(written)
    assert (raised.value.offset, raised.value.suggestion) == (offset, suggestion)
    assert suggestion or raised.value.help
    if suggestion is not None:
        begin = raised.value.offset
        text.parse(written[:begin] + suggestion + written[begin + raised.value.length :])


def test_a_secret_is_never_text() -> None:
    with pytest.raises(text.HoleError) as raised:
        text.parse("{{ secrets.TOKEN }}")
    assert "secrets" in str(raised.value.help)


def test_finds_a_hole_where_none_may_stand() -> None:
    assert text.first_hole("a {{ nothing }} {{ parameters . lr }}") == "{{ parameters.lr }}"
    assert text.first_hole("a {{ git.comit }}") == "{{ git.comit }}"
    assert text.first_hole("a {{ nothing }} {{.Id}}") is None


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,5}", fullmatch=True)
REFS = st.one_of(
    st.builds(lambda kind, name: Ref(kind=kind, name=name), st.sampled_from(text.NAMED), NAMES),
    st.sampled_from([Ref(kind=kind, name=name) for kind, names in text.FIELDS.items() for name in names]),
    st.builds(
        lambda name, member: Ref(kind="sidecars", name=name, member=member), NAMES, st.sampled_from(text.MEMBERS)
    ),
)
PIECES = st.lists(st.one_of(REFS, st.text("{}$ '\"a.|\n", min_size=1)), max_size=8)


def joined(pieces: list[str | Ref]) -> tuple[str | Ref, ...]:
    out: list[str | Ref] = []
    for piece in pieces:
        if out and isinstance(piece, str) and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


@given(PIECES)
def test_what_is_spelled_reads_back(pieces: list[str | Ref]) -> None:
    assert text.parse(text.spelled(tuple(pieces))) == joined(pieces)


def refusal(written: str) -> text.HoleError | None:
    try:
        text.parse(written)
    except text.HoleError as error:
        return error
    return None


@given(st.text("{}$ '\".|abgitcom\n"))
def test_parse_reads_or_refuses_at_a_place(written: str) -> None:
    error = refusal(written)
    assert error is None or 0 <= error.offset <= error.offset + error.length <= len(written)


H = "{{ parameters.lr }}"


@pytest.mark.parametrize(
    ("script", "where"),
    [
        (f"echo {H}", text.WORD),
        (f"echo {H} # {H}", text.COMMENT),
        (f"echo a#{H}", text.WORD),
        (f"# don't\necho {H}", text.WORD),
        (f"echo 'it' \"{H}\"", text.DOUBLE),
        (f"echo '{H}'", text.SINGLE),
        (f"echo 'a'{H}'b'", text.WORD),
        (f"echo \\' {H}", text.WORD),
        (f'echo "\\"{H}"', text.DOUBLE),
        (f'echo "it\'s {H}"', text.DOUBLE),
        (f'echo "$(cat {H})"', text.WORD),
        (f'echo "$(cat "{H}")"', text.DOUBLE),
        (f"echo \"$(cat '{H}')\"", text.SINGLE),
        (f'echo "$(cat x) {H}"', text.DOUBLE),
        (f"echo `cat {H}`", text.WORD),
        (f"echo $(( {H} + 1 ))", text.DOUBLE),
        (f"echo $(( (1) + {H} ))", text.DOUBLE),
        (f"(( x = {H} ))", text.DOUBLE),
        (f"echo $((1)) {H}", text.WORD),
        (f"( (echo {H}) )", text.WORD),
        (f"echo $# {H}", text.WORD),
        (f"echo ${{#x}} {H}", text.WORD),
        (f"echo ${{x:-{H}}}", text.WORD),
        (f'echo "${{x:-{H}}}"', text.DOUBLE),
        (f'echo "${{x:-\'}}" {H}', text.WORD),
        (f"echo ${{x#'}}'}} {H}", text.WORD),
        (f"echo $'a\\'{H}'", text.ANSI),
        (f"cat <<EOF\n{H}\nEOF", text.DOCUMENT),
        (f"cat <<EOF\nit's\nEOF\necho {H}", text.WORD),
        (f"cat <<'EOF'\n{H}\nEOF", text.QUOTED_DOCUMENT),
        (f'cat <<"EOF"\n{H}\nEOF', text.QUOTED_DOCUMENT),
        (f"cat <<\\EOF\n{H}\nEOF", text.QUOTED_DOCUMENT),
        (f"cat <<-'EOF'\n\tx\n\tEOF\necho {H}", text.WORD),
        (f"cat <<'A' <<B\nx\nA\n{H}\nB", text.DOCUMENT),
        (f"cat <<'EOF' | grep {H}\nx\nEOF", text.WORD),
        (f"cat <<<'x' {H}", text.WORD),
        (f"cat << 'EOF'\nEOF x\n{H}\nEOF", text.QUOTED_DOCUMENT),
        (f"echo $((1<<2))\necho {H}", text.WORD),
        (f"echo 'a\nb' {H}", text.WORD),
        (f"case x in\n  a) echo {H};;\nesac", text.WORD),
        (f"x={H}", text.WORD),
    ],
)
def test_knows_where_a_hole_stands(script: str, where: str) -> None:
    assert text.contexts(text.parse(script))[-1] == where


def test_faults_name_place_and_fix() -> None:
    script = f"echo {H} '{H}'\ncat <<'EOF'\n{H}\nEOF\n# {H}\n"
    faults = text.shell_faults(script)
    assert [script[fault.offset : fault.offset + fault.length] for fault in faults] == [H, H, H]
    assert [fault.offset for fault in faults] == sorted(fault.offset for fault in faults)
    single, document, comment = faults
    assert "single quotes" in single.why
    assert "here-document" in document.why
    assert "comment" in comment.why
    fixed = script[: single.offset] + str(single.fix) + script[single.offset + single.length :]
    assert [fault.why for fault in text.shell_faults(fixed)] == [document.why, comment.why]


def test_shell_without_faults() -> None:
    assert text.shell_faults(f'python x.py --lr {H} "--name={H}"') == []
    assert text.shell_faults("docker inspect '$x'") == []
