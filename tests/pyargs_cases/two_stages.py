import argparse


def main():
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("-c", "--config", default="config.ini")
    known, rest = first.parse_known_args()
    defaults = {"lr": 0.5}
    parser = argparse.ArgumentParser(parents=[first])
    parser.set_defaults(**defaults)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--steps", type=int, default=10)
    parser.set_defaults(steps=20)
    return parser.parse_args(rest)


main()
