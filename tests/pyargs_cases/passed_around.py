import argparse
from functools import partial


def argument(*names, **settings):
    return (list(names), settings)


def subcommand(arguments, parent):
    def decorate(function):
        child = parent.add_parser(function.__name__, help=function.__doc__)
        for names, settings in arguments:
            child.add_argument(*names, **settings)
        child.set_defaults(function=function)
        return function

    return decorate


def add_common(add):
    add("--seed", type=int, default=0)


def add_each(adders, target):
    for adder in adders:
        adder(target)


def add_train(commands):
    commands.add_parser("train", aliases=["t"]).add_argument("--epochs", type=int, default=max(3, 5))


def add_test(commands):
    commands.add_parser("test").add_argument("--name", default=f"run-{7:03d}")


class Tool:
    def __init__(self):
        self.parser = argparse.ArgumentParser()
        self.add_sizes(self.parser)

    @staticmethod
    def add_sizes(parser):
        for name, default in {"width": 640, "ratio": 0.5, "label": "abcdef"[1:3]}.items():
            parser.add_argument(f"--{name}", type=type(default), default=default)

    @classmethod
    def make(cls):
        return cls()


parser = Tool.make().parser
number = partial(parser.add_argument, type=float, default=0.5)
number("--rate")
add_common(parser.add_argument)
add_each([lambda target: target.add_argument("--last")], parser)
commands = parser.add_subparsers(dest="command")
for add in (add_train, add_test):
    add(commands)


@subcommand([argument("-d", "--debug", action="store_true")], commands)
def show(arguments):
    """what there is"""


parser.parse_args()
