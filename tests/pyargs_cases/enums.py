import argparse
import enum
from enum import Enum, StrEnum, auto


class Optimizer(Enum):
    ADAM = "adam"
    SGD = "sgd"
    DEFAULT = "adam"


class Split(StrEnum):
    TRAIN = auto()
    TEST = auto()


class Precision(enum.IntEnum):
    HALF = 16
    FULL = 32


parser = argparse.ArgumentParser()
parser.add_argument("--optimizer", choices=[e.value for e in Optimizer], default=Optimizer.ADAM.value)
parser.add_argument("--optimizer-name", choices=list(Optimizer.__members__), default=Optimizer.SGD.name.upper())
parser.add_argument("--split", type=Split, choices=list(Split), default=Split.TRAIN)
parser.add_argument("--precision", type=int, choices=[p.value for p in Precision if p.value > 0] and [16, 32], default=Precision.HALF.value)
parser.add_argument("--quoted", choices=[f"'{e.value}'" for e in Optimizer])
parser.parse_args()
