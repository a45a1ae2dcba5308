import argparse
import sys

try:
    import torch
    HAS_TORCH = True
except ImportError:
    HAS_TORCH = False

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
if HAS_TORCH:
    parser.add_argument("--device", default="cpu")
if sys.platform == "win32":
    parser.add_argument("--jobs", type=int, default=1)
else:
    parser.add_argument("--jobs", type=int, default=8)
if len(sys.argv) > 100:
    parser.print_help()
    sys.exit(1)
elif sys.version_info < (3, 0):
    parser.add_argument("--old", required=True)
if True:
    parser.add_argument("--always")
if __name__ != "__main__":
    parser.add_argument("--never")
while False:
    parser.add_argument("--maybe")
with open(__file__) as handle:
    parser.add_argument("--inside")
parser.parse_args()
