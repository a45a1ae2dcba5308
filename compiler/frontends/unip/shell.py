"""The shell lines that jobs of a module run: data from boxes and into them, and what a stage finds when it starts.

Every value is a variable; the lines themselves are the same for every module. A box lies in S3 where UNIP_S3_URL names the
bucket, in the platform's layout (`APP/BOX/users/USER/file_groups/GROUP/FILE`), else in the folder `boxes/BOX` here.
"""

from __future__ import annotations

AWS_VERSION = "1.46.2"
BOXES = "boxes"  # the folder that stands for the boxes on a machine without them
WORK = ".unip"  # the folder of the variables

_AWS = f"""\
unip_aws() {{
  [ -n "${{AWS_ENDPOINT_URL:-}}" ] || unset AWS_ENDPOINT_URL
  command -v aws > /dev/null || python3 -m pip install --quiet awscli=={AWS_VERSION}
  aws "$@"
}}
"""

# UNIP_SOURCE (given by the caller of the pipeline), UNIP_DEFAULT (mounted by the manifest), UNIP_TARGET, UNIP_REQUIRED
_SOURCE = (
    _AWS
    + """\
mkdir -p "$UNIP_TARGET"
source="${UNIP_SOURCE:-${UNIP_DEFAULT:-}}"
if [ -z "$source" ]; then
  [ "${UNIP_REQUIRED:-yes}" = no ] || { echo "$UNIP_NAME is required: name a path, box:BOX/PATH or s3://BUCKET/PATH" >&2; exit 1; }
  exit 0
fi
"""
)

# UNIP_TYPES (the datatypes of a value that is given itself), UNIP_FILE (where it goes in the folder)
_VALUE = """\
case "$source" in
  box:*/*|s3://*) ;;
  *)
    python3 -I -c "$UNIP_CHECK" "$source" "$UNIP_TARGET/$UNIP_FILE"
    ls -A "$UNIP_TARGET"
    exit 0 ;;
esac
"""

_PLACE = """\
case "$source" in
  box:*/*)
    box="${source#box:}"; path="${box#*/}"; box="${box%%/*}"
    case "$path" in */*) ;; *) path="$path/" ;; esac
    source="boxes/$box/$path"
    [ -z "${UNIP_S3_URL:-}" ] || source="${UNIP_S3_URL%/}/$UNIP_APP/$box/users/$UNIP_USER/file_groups/$path" ;;
esac
case "$source" in
  s3://*/)
    unip_aws s3 cp --recursive --only-show-errors "$source" "$UNIP_TARGET/"
    [ -n "$(ls -A "$UNIP_TARGET")" ] || { echo "$UNIP_NAME: nothing lies at \\"$source\\"" >&2; exit 1; } ;;
  s3://*) unip_aws s3 cp --only-show-errors "$source" "$UNIP_TARGET/${source##*/}" ;;
  *)
    if [ -d "$source" ]; then cp -R "${source%/}/." "$UNIP_TARGET/"
    elif [ -f "$source" ]; then cp "$source" "$UNIP_TARGET/"
    else
      echo "$UNIP_NAME: \\"$source\\" is not there: put the data into that folder, or let UNIP_S3_URL name the bucket of the boxes" >&2
      exit 1
    fi ;;
esac
ls -A "$UNIP_TARGET"
"""

FETCH = _SOURCE + _PLACE
FETCH_VALUE = _SOURCE + _VALUE + _PLACE

# What a value of each datatype is, as in a request to a component: numbers one or a flat list of them, a mapping, any text.
CHECK = """\
import json, os, sys
value, path = sys.argv[1:]
kinds = {"INT32": int, "FP32": (int, float), "FP64": (int, float)}
def fits(datatype):
    if datatype == "str":
        return True
    try:
        found = json.loads(value)
    except ValueError:
        return False
    if datatype == "dict":
        return isinstance(found, dict)
    numbers = found if isinstance(found, list) else [found]
    return all(isinstance(one, kinds[datatype]) and not isinstance(one, bool) for one in numbers)
types = os.environ["UNIP_TYPES"].split()
if not any(map(fits, types)):
    sys.exit("{} is {}, not {!r}".format(os.environ["UNIP_NAME"], " or ".join(types), value))
with open(path, "w", encoding="utf-8") as file:
    file.write(value)
"""
DIRECT = ("FP32", "FP64", "INT32", "str", "dict")  # the datatypes whose values are given themselves, not as files


def value_file(types: tuple[str, ...]) -> str:
    """The file that a value which is given itself becomes in its variable's folder."""
    return "" if not types else "value.txt" if set(types) == {"str"} else "value.json"


# UNIP_SOURCE (the variable's folder), UNIP_BOX, UNIP_GROUP
PUBLISH = (
    _AWS
    + """\
if [ -z "${UNIP_S3_URL:-}" ]; then
  echo "UNIP_S3_URL names no bucket: $UNIP_SOURCE stays an output of this run"
  exit 0
fi
unip_aws s3 cp --recursive --only-show-errors "$UNIP_SOURCE/" \\
  "${UNIP_S3_URL%/}/$UNIP_APP/$UNIP_BOX/users/$UNIP_USER/file_groups/$UNIP_GROUP/"
echo "$UNIP_SOURCE is the file group $UNIP_GROUP of $UNIP_BOX"
"""
)

# UNIP_BOX, UNIP_CAPACITY (bytes)
PROVISION = (
    _AWS
    + """\
held=0
if [ -n "${UNIP_S3_URL:-}" ]; then
  bucket="${UNIP_S3_URL#s3://}"; bucket="${bucket%%/*}"
  unip_aws s3api head-bucket --bucket "$bucket" > /dev/null 2>&1 || unip_aws s3api create-bucket --bucket "$bucket" > /dev/null
  listed="$(unip_aws s3 ls --recursive --summarize "${UNIP_S3_URL%/}/$UNIP_APP/$UNIP_BOX/" || :)"
  held="$(printf '%s\\n' "$listed" | awk '/Total Size:/ { print $3 }')"
  [ -n "$held" ] || { echo "$UNIP_BOX can't be listed" >&2; exit 1; }
elif [ -d "boxes/$UNIP_BOX" ]; then
  held="$(find "boxes/$UNIP_BOX" -type f -exec wc -c {} \\; | awk '{ total += $1 } END { printf "%.0f", total }')"
fi
echo "$UNIP_BOX holds ${held:-0} of $UNIP_CAPACITY bytes"
[ "${held:-0}" -le "$UNIP_CAPACITY" ] || { echo "$UNIP_BOX holds more than its capacity" >&2; exit 1; }
"""
)

# UNIP_MANIFESTS: a line a file, as sha256sum has them
VALIDATE = """\
unip_sums() { if command -v sha256sum > /dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
printf %s "$UNIP_MANIFESTS" | unip_sums -c - || {
  echo "these manifests are not those that were checked: commit what was changed, and run headrace compile again" >&2
  exit 1
}
"""


def stage(
    inputs: list[str],
    outputs: list[str],
    files: list[tuple[str, str, str]],
    values: list[tuple[str, str]],
    folder: str,
    command: str,
) -> str:
    """What a stage runs: its variables as whole paths, its output directories made, its own folder, its command.

    `inputs` and `outputs` are the names of environment variables. `files` has those that a caller fills: the variable, the one
    that names what the caller gave, and the name of the file that is mounted where nothing is given. A variable that holds a
    file is the file's path, not its folder's.
    """
    lines = [f'[ ! -f "${name}/{file}" ] || {name}="${name}/{file}"' for name, file in values]
    for name, source, mounted in files:
        given = f"{{{source}##*/}}"
        if mounted:
            lines.append(f'[ -n "${source}" ] || {source}={quoted(mounted)}')
        lines.append(f'[ -z "${given}" ] || [ ! -f "${name}/${given}" ] || {name}="${name}/${given}"')
    lines += [f'export {name}="$PWD/${name}"' for name in dict.fromkeys((*inputs, *outputs))]
    # What may be missing is an empty folder, which not every system hands on.
    lines += [f'[ -e "${name}" ] || mkdir -p "${name}"' for name, _, _ in files]
    lines += [f'mkdir -p "${name}"' for name in outputs]
    if folder:
        lines.append(f"cd {quoted(folder)}")
    return "\n".join([*lines, command.rstrip("\n")]) + "\n"


def quoted(word: str) -> str:
    """A word as a shell takes it exactly."""
    plain = word and all((c.isalnum() and c.isascii()) or c in "@%+=:,./_-" for c in word)
    return word if plain else "'" + word.replace("'", "'\\''") + "'"
