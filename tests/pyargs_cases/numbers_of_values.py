import argparse
import json
from argparse import REMAINDER

parser = argparse.ArgumentParser()
parser.add_argument("--layers", nargs="+", type=int, default=[64, 32])
parser.add_argument("--betas", nargs=2, type=float, default=(0.9, 0.999), metavar=("B1", "B2"))
parser.add_argument("--tags", nargs="*")
parser.add_argument("--resume", nargs="?", const="latest", default=None)
parser.add_argument("--extra", action="append", default=[])
parser.add_argument("--pair", action="append", nargs=2)
parser.add_argument("--more", action="extend", nargs="+")
parser.add_argument("--settings", type=json.loads, default="{}")
parser.add_argument("--one", nargs=1)
parser.add_argument("source-file")
parser.add_argument("targets", nargs="+")
parser.add_argument("rest", nargs=REMAINDER)
parser.parse_args()
