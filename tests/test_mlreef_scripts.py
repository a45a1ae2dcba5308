"""Twenty argparse scripts in the style that MLReef's own had, each with the table of what is read from it.

A table's line is: name | type | default | required | help. A default of - is none.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from compiler.diagnostics import Diagnostic, Sink
from compiler.frontends.mlreef.listing import as_data, find, json_schema
from compiler.frontends.mlreef.modules import Module
from compiler.repository import Repository

FUNCTION = """\
import argparse
import os
import sys
from pathlib import Path


def process_arguments(args):
    parser = argparse.ArgumentParser(description="{title}")
{body}
    params = vars(parser.parse_args(args))
    return params


if __name__ == "__main__":
    print("Beginning execution of {title} ............... \\n")
    params = process_arguments(sys.argv[1:])
    os.makedirs(params.get("output_path", "."), exist_ok=True)
"""
MODULE = """\
import argparse

parser = argparse.ArgumentParser(description="{title}")
{body}
args = parser.parse_args()
print(args)
"""
CLASS = """\
import argparse
import sys


class Op:
    def __init__(self, params):
        self.params = params


def process_arguments(args):
    parser = argparse.ArgumentParser(description="{title}")
{body}
    params = vars(parser.parse_args(args))
    if (params["input_path"] or params["output_path"]) is None:
        parser.error("Paths are required. You did not specify input path or output path.")
    return params


if __name__ == "__main__":
    Op(process_arguments(sys.argv[1:]))
"""
PATHS = """\
parser.add_argument('--input-path', action='store', default='.', help='path to directory of image(s) or image file')
parser.add_argument('--output-path', action='store', default='.', help='output directory to save images')
"""
PATHS_TABLE = """\
input-path | STRING | . | false | path to directory of image(s) or image file
output-path | STRING | . | false | output directory to save images
"""

# name: (the script around the parser, the parser's arguments, the table, what is said of the script)
SCRIPTS: dict[str, tuple[str, str, str, list[str]]] = {
    "im_add_noise": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--mode', action='store', default='speckle', help='Mode of noise: gaussian, localvar, …')\n",
        PATHS_TABLE + "mode | STRING | speckle | false | Mode of noise: gaussian, localvar, …\n",
        [],
    ),
    "im_random_rotate": (
        CLASS,
        PATHS
        + "parser.add_argument('--max-angle', action='store', default=20, type=float, help='angle of rotation')\n"
        + "parser.add_argument('--iterations', action='store', default=2, type= int, help='how many times')\n",
        PATHS_TABLE
        + "max-angle | FLOAT | 20 | false | angle of rotation\niterations | INTEGER | 2 | false | how many times\n",
        [],
    ),
    "im_random_crop": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--height', action='store', default='35', type=int, help='height of cropped images')\n"
        + "parser.add_argument('--width', action='store', default='35', type=int, help='width of cropped images')\n"
        + "parser.add_argument('--channels', action='store', default='3', type=int, help='1-Grayscale, 3-RGB, 4-RGBA')\n"
        + "parser.add_argument('--seed', action='store', type=int, help='seed for randomness')\n",
        PATHS_TABLE
        + "height | INTEGER | 35 | false | height of cropped images\nwidth | INTEGER | 35 | false | width of cropped images\n"
        + "channels | INTEGER | 3 | false | 1-Grayscale, 3-RGB, 4-RGBA\nseed | INTEGER | - | true | seed for randomness\n",
        ["11 mlreef-loose-argument", "12 mlreef-loose-argument", "13 mlreef-loose-argument"],
    ),
    "im_random_erasing": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--prob', action='store', default=.5, type=float, help='probability of erasing')\n"
        + "parser.add_argument('--sh', action='store', default=.25, type=float, help='max erasing area')\n"
        + "parser.add_argument('--mean', action='store', default='0.4914', type=str, help='erasing value')\n",
        PATHS_TABLE
        + "prob | FLOAT | 0.5 | false | probability of erasing\nsh | FLOAT | 0.25 | false | max erasing area\n"
        + "mean | STRING | 0.4914 | false | erasing value\n",
        [],
    ),
    "im_create_thumbnail": (
        FUNCTION,
        PATHS + "parser.add_argument('--size', action='store', default='20,15', help='width,height of a thumbnail')\n",
        PATHS_TABLE + "size | STRING | 20,15 | false | width,height of a thumbnail\n",
        [],
    ),
    "im_lee_filter": (
        CLASS,
        PATHS + "parser.add_argument('--intensity', action='store', default=5, type=int, help='intensity of the filter')\n",
        PATHS_TABLE + "intensity | INTEGER | 5 | false | intensity of the filter\n",
        [],
    ),
    "tar_extract": (
        FUNCTION,
        ("parser.add_argument('--input-path', action='store', type=str, help='path to a tar')\n"
         "parser.add_argument('--output-path', action='store', type=str, help='where it is ' 'unpacked')\n"),
        "input-path | STRING | - | true | path to a tar\noutput-path | STRING | - | true | where it is unpacked\n",
        [],
    ),
    "resnet": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--height', action='store', default=36, type=int, help='height of images (int)')\n"
        + "parser.add_argument('--epochs', action='store', default=5, type=int, help='number of epochs for training')\n"
        + "parser.add_argument('--use_pretrained', action='store', default=True, type=bool, help='use weights (bool)')\n"
        + "parser.add_argument('--class_mode', action='store', default='categorical', type=str, help='\"categorical\", …')\n"
        + "parser.add_argument('--learning-rate', action='store', default=0.0001, type=float, help='learning rate')\n"
        + "parser.add_argument('--loss', action='store', type=str, help='loss function', default='mse')\n",
        PATHS_TABLE
        + "height | INTEGER | 36 | false | height of images (int)\nepochs | INTEGER | 5 | false | number of epochs for training\n"
        + "use_pretrained | BOOLEAN | True | false | use weights (bool)\n"
        + 'class_mode | STRING | categorical | false | "categorical", …\n'
        + "learning-rate | FLOAT | 0.0001 | false | learning rate\nloss | STRING | mse | false | loss function\n",
        ["13 mlreef-loose-argument"],
    ),
    "inception": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--batch_size', action='store', default='16', help='Batch size fed to the network (int)')\n"
        + "parser.add_argument('--validation-split', action='store', default='.25', help='fraction of images (float)')\n"
        + "parser.add_argument('--use-pretrained', action='store', default='True', type=bool, help='use weights')\n",
        PATHS_TABLE
        + "batch_size | STRING | 16 | false | Batch size fed to the network (int)\n"
        + "validation-split | STRING | .25 | false | fraction of images (float)\n"
        + "use-pretrained | BOOLEAN | True | false | use weights\n",
        ["11 mlreef-loose-argument", "12 mlreef-loose-argument", "13 mlreef-loose-argument", "13 mlreef-loose-argument"],
    ),
    "dense": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--epochs', action='store', default=5, help='number of epochs (int)')\n"
        + "parser.add_argument('--dropout', action='store', default=0.5, help='share that is dropped (float)')\n"
        + "parser.add_argument('--shuffle', action='store', default=True, help='whether it is shuffled (bool)')\n",
        PATHS_TABLE
        + "epochs | INTEGER | 5 | false | number of epochs (int)\n"
        + "dropout | FLOAT | 0.5 | false | share that is dropped (float)\n"
        + "shuffle | BOOLEAN | True | false | whether it is shuffled (bool)\n",
        ["11 mlreef-loose-argument", "12 mlreef-loose-argument", "13 mlreef-loose-argument"],
    ),
    "unet": (
        FUNCTION,
        ("parser.add_argument('--images-path', action='store', type=str, help='path to images')\n"
         "parser.add_argument('--masks-path', action='store', type=str, help='path to masks')\n"
         "parser.add_argument('--output-path', action='store', default='.', help='where the model goes')\n"
         "parser.add_argument('--epochs', action='store', type=int, help='number of epochs for training')\n"
         "parser.add_argument('--scale_min', action='store', default='0', type=float, help='least scale')\n"
         "parser.add_argument('--scale_max', action='store', default='1', type=float, help='largest scale')\n"),
        ("images-path | STRING | - | true | path to images\nmasks-path | STRING | - | true | path to masks\n"
         "output-path | STRING | . | false | where the model goes\nepochs | INTEGER | - | true | number of epochs for training\n"
         "scale_min | FLOAT | 0 | false | least scale\nscale_max | FLOAT | 1 | false | largest scale\n"),
        ["9 mlreef-no-data-path", "13 mlreef-loose-argument", "14 mlreef-loose-argument"],
    ),
    "bertscript": (
        MODULE,
        ("parser.add_argument('--input-path', action='store', help='where the texts are')\n"
         "parser.add_argument('--output-path', action='store', help='where the model goes')\n"
         "parser.add_argument('--evaluate', action='store_true', help='evaluate only')\n"
         "parser.add_argument('--maxlen', action='store', default=256, type=int, help='longest text in tokens')\n"),
        ("input-path | STRING | - | true | where the texts are\noutput-path | STRING | - | true | where the model goes\n"
         "evaluate | BOOLEAN | False | false | evaluate only\nmaxlen | INTEGER | 256 | false | longest text in tokens\n"),
        [],
    ),
    "tsne": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--threed', action='store_true', default=False, help='in three dimensions')\n"
        + "parser.add_argument('--no-legend', action='store_false', dest='legend', help='without a legend')\n",
        PATHS_TABLE
        + "threed | BOOLEAN | False | false | in three dimensions\n"
        + "no-legend | BOOLEAN | True | false | without a legend\n",
        [],
    ),
    "ensemble": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--models', nargs='+', default=['a', 'b'], help='names of the models')\n"
        + "parser.add_argument('--weights', nargs=2, type=float, default=(0.5, 0.5), help='of each')\n"
        + "parser.add_argument('--vote', choices=['hard', 'soft'], default='soft', help='how they vote')\n",
        PATHS_TABLE
        + "models | LIST | ['a', 'b'] | false | names of the models\nweights | LIST | [0.5, 0.5] | false | of each\n"
        + "vote | STRING | soft | false | how they vote\n",
        [],
    ),
    "tabular_split": (
        FUNCTION,
        ("parser.add_argument('source', help='the table')\n"
         "parser.add_argument('-o', '--output-path', default='.', help='where the parts go')\n"
         "parser.add_argument('-s', '--share', dest='test_share', type=float, required=True, help='of the test')\n"
         "parser.add_argument('columns', nargs='*', help='what is kept')\n"),
        ("source | STRING | - | true | the table\noutput-path | STRING | . | false | where the parts go\n"
         "share | FLOAT | - | true | of the test\ncolumns | LIST | - | false | what is kept\n"),
        ["9 mlreef-no-data-path"],
    ),
    "audio_resample": (
        MODULE,
        "DEFAULT_RATE = 16_000\n"
        + PATHS
        + "parser.add_argument('--rate', type=int, default=DEFAULT_RATE, help=f'in Hz, {DEFAULT_RATE} unless said')\n"
        + "parser.add_argument('--mono', action=argparse.BooleanOptionalAction, default=True, help='one channel')\n"
        + "parser.add_argument('-v', '--verbose', action='count', default=0, help='more words')\n",
        PATHS_TABLE
        + "rate | INTEGER | 16000 | false | in Hz, 16000 unless said\nmono | BOOLEAN | True | false | one channel\n"
        + "verbose | INTEGER | 0 | false | more words\n",
        [],
    ),
    "data_balance": (
        CLASS,
        PATHS
        + "group = parser.add_mutually_exclusive_group()\n"
        + "group.add_argument('--over', action='store_true', help='copy the few')\n"
        + "group.add_argument('--under', action='store_true', help='drop of the many')\n"
        + "parser.add_argument('--ratio', type=complex, default=1j, help='odd')\n",
        PATHS_TABLE
        + "over | BOOLEAN | False | false | copy the few\nunder | BOOLEAN | False | false | drop of the many\n"
        + "ratio | COMPLEX | 1j | false | odd\n",
        [],
    ),
    "text_clean": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--stop-words', action='append', default=[], metavar='WORD', help='left out')\n"
        + "parser.add_argument('--encoding', default=None, help='of the files; None: by guess')\n"
        + "parser.add_argument('--negative', type=int, default=-1, help='less than none')\n",
        PATHS_TABLE
        + "stop-words | LIST | [] | false | left out\nencoding | STRING | - | false | of the files; None: by guess\n"
        + "negative | INTEGER | -1 | false | less than none\n",
        [],
    ),
    "graph_plot": (
        FUNCTION,
        PATHS
        + "for axis in ('x', 'y'):\n    parser.add_argument(f'--{axis}-label', default=axis, help=f'of the {axis} axis')\n"
        + "parser.add_argument('--style', type=lambda text: text.split('-'), default='a-b', help='own type')\n",
        PATHS_TABLE
        + "x-label | STRING | x | false | of the x axis\ny-label | STRING | y | false | of the y axis\n"
        + "style | LIST | a-b | false | own type\n",
        [],
    ),
    "unicode_names": (
        FUNCTION,
        PATHS
        + "parser.add_argument('--größe', type=int, default=3, help='in „Zoll“ 📏')\n"
        + "parser.add_argument('--quote', default=\"it's \\\"so\\\" $HOME\", help='100%% sure')\n",
        PATHS_TABLE
        + "größe | INTEGER | 3 | false | in „Zoll“ 📏\n"
        + 'quote | STRING | it\'s "so" $HOME | false | 100%% sure\n',
        [],
    ),
}  # fmt: skip


def read(tmp_path: Path, name: str, text: str) -> tuple[Module, list[Diagnostic]]:
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    sink = Sink()
    (module,) = find(Repository(str(tmp_path)), f"{name}.py", sink)
    return module, sink.diagnostics


def script_of(name: str) -> str:
    around, body, _, _ = SCRIPTS[name]
    indent = "" if around is MODULE else "    "
    return around.replace("{title}", name).replace("{body}", textwrap.indent(body, indent).rstrip())


def row(one: dict[str, object]) -> str:
    default = "-" if one["default"] is None else one["default"]
    return f"{one['name']} | {one['type']} | {default} | {str(one['required']).lower()} | {one['help']}\n"


def test_there_are_twenty() -> None:
    assert len(SCRIPTS) == 20


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_reads_as_its_table(name: str, tmp_path: Path) -> None:
    module, found = read(tmp_path, name, script_of(name))
    data = as_data(module)
    assert "".join(row(one) for one in data["parameters"]) == SCRIPTS[name][2]
    assert data["complete"], module.script.interface.remarks
    said = [f"{one.span.begin.line} {one.code.name}" for one in found if one.span is not None]
    assert said == SCRIPTS[name][3], found


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_form_can_be_built_from_each(name: str, tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    module, _ = read(tmp_path, name, script_of(name))
    schema = json_schema(module)
    Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert list(properties) == [line.split(" | ")[0] for line in SCRIPTS[name][2].splitlines()]
    given = {key: one["default"] for key, one in properties.items() if "default" in one}
    errors = [error.message for error in Draft202012Validator({**schema, "required": []}).iter_errors(given)]
    assert errors == []
    assert not Draft202012Validator(schema).is_valid({**given, "no-such-parameter": 1})
