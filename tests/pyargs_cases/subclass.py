import argparse
import sys


class Parser(argparse.ArgumentParser):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add_argument("--config", type=argparse.FileType("r"), metavar="FILE")

    def error(self, message):
        sys.stderr.write(message)
        sys.exit(2)


class Strict(Parser):
    def parse_args(self, *args, **kwargs):
        return super(Strict, self).parse_args(*args, **kwargs)


def run():
    parser = Strict(description="strict")
    parser.add_argument("--steps", type=int, default=1_000)
    options = parser.parse_args()
    return options


if __name__ == "__main__":
    sys.exit(run())
