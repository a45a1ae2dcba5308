import argparse

parser = argparse.ArgumentParser(
    prefix_chars="-+",
    fromfile_prefix_chars="@",
    argument_default=argparse.SUPPRESS,
    conflict_handler="resolve",
)
parser.add_argument("+x", "++extra", action="store_true")
parser.add_argument("-x", "--exact", type=float)
parser.add_argument("-h", "--height", type=int)
parser.add_argument("-n", "--name")
parser.add_argument("-n", "--number", type=int)
parser.add_argument("--name", default="second")
parser.parse_args()
