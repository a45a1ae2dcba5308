import argparse


def build():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--seed", type=int, default=0)
    parser = argparse.ArgumentParser(prog="tool")
    parser.add_argument("--verbose", action="store_true")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", aliases=["fit", "t"], help="fit a model", parents=[common])
    train.add_argument("data")
    train.add_argument("--lr", type=float, default=0.1)
    data = commands.add_parser("data", help="work on data")
    inner = data.add_subparsers(dest="what")
    for name in ("fetch", "split"):
        child = inner.add_parser(name, parents=[common])
        child.add_argument("--to", required=name == "split")
        child.set_defaults(func=print, seed=7)
    return parser


args = build().parse_args()
