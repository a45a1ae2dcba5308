import argparse

parser = argparse.ArgumentParser()
source = parser.add_mutually_exclusive_group(required=True)
source.add_argument("--file", type=open)
source.add_argument("--url")
group = parser.add_argument_group("output")
how = group.add_mutually_exclusive_group()
how.add_argument("--json", action="store_true")
how.add_argument("--csv", dest="json", action="store_false")
parser.set_defaults(json=True)
parser.parse_args()
