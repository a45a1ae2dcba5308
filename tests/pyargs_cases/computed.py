import argparse
import os


def names():
    return os.environ.get("FLAGS", "--from-function").split()


def settings():
    return {"type": int} if os.environ.get("PATH", "x") else {}


parser = argparse.ArgumentParser()
parser.add_argument("--home", default=os.environ.get("HOME"))
parser.add_argument("--workers", type=int, default=os.cpu_count())
parser.add_argument(*names())
parser.add_argument("--kept", **settings())
for key in os.environ:
    parser.add_argument("--" + key.lower() + "-env")
parser.add_argument("--known", type=int, choices=[int(x) for x in os.environ.get("XX", "1 2").split()])
action = parser.add_argument("--later")
action.required = False
action.choices = ["a"]
parser.parse_args()
