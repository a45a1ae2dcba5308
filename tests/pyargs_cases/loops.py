import argparse

PARTS = ("encoder", "decoder")
DEFAULTS = {"alpha": 0.5, "beta": 2.0}
parser = argparse.ArgumentParser()
for part in PARTS:
    parser.add_argument(f"--{part}-layers", type=int, default=6)
    parser.add_argument("--" + part + "_heads", type=int, default=8, help="heads of %s" % part)
for name, value in DEFAULTS.items():
    parser.add_argument("--%s" % name, type=type(value) if False else float, default=value)
for index in range(2):
    parser.add_argument("--gpu{}".format(index), action="store_true")
for flag, kind in [("--width", int), ("--ratio", float), ("--name", str)]:
    parser.add_argument(flag, type=kind)
for short, long in zip("xy", ["left", "up"]):
    parser.add_argument("-" + short, "--" + long, dest=long + "_by")
options = dict(type=int, default=3)
parser.add_argument("--times", **options)
parser.add_argument(*["-q", "--quiet"], **{"action": "store_true"})
args = parser.parse_args()
