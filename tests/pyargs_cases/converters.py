import argparse
import enum


def str2bool(value):
    if isinstance(value, bool):
        return value
    if value.lower() in ("yes", "true", "1"):
        return True
    if value.lower() in ("no", "false", "0"):
        return False
    raise argparse.ArgumentTypeError("a truth value is needed")


def positive(value):
    number = int(value)
    if number <= 0:
        raise argparse.ArgumentTypeError("a number above 0 is needed")
    return number


def either(value):
    return int(value) if value.isdigit() else float(value)


def number_or_name(value):
    try:
        return int(value)
    except ValueError:
        return value


def later(value):
    def inner():
        return True

    return inner


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"

    def __str__(self):
        return self.value


parser = argparse.ArgumentParser()
parser.add_argument("--nice", type=str2bool, nargs="?", const=True, default=False)
parser.add_argument("--layers", type=positive, default=4)
parser.add_argument("--limit", type=either, default=0.5)
parser.add_argument("--device", type=number_or_name, default="cpu")
parser.add_argument("--hook", type=later)
parser.add_argument("--sizes", type=lambda text: [int(one) for one in text.split(",")], default=[1, 2])
parser.add_argument("--shuffle", type=lambda text: text.lower() == "true", default=True)
parser.add_argument("--level", type=str.lower, choices=["info", "debug"], default="info")
parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.FAST)
parser.add_argument("--letters", type=list, default=[])
parser.parse_args()
