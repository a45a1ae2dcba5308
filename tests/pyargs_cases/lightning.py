import argparse
from argparse import ArgumentParser
from pathlib import Path

ROOT = Path("data")


class LitModel:
    @staticmethod
    def add_model_specific_args(parent_parser):
        parser = ArgumentParser(parents=[parent_parser], add_help=False)
        parser.add_argument("--hidden-dim", type=int, default=128)
        return parser


class LitData:
    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--root", type=Path, default=ROOT / "raw")
        return parser


def train(args):
    for epoch in range(10):
        loss = epoch * 2
        if loss > 3:
            break


def main(args: argparse.Namespace) -> None:
    train(args)


if __name__ == "__main__":
    root_parser = ArgumentParser(add_help=False)
    root_parser.add_argument("--gpus", type=int, default=1)
    parser = LitModel.add_model_specific_args(root_parser)
    parser = LitData.add_arguments(parser)
    hyperparams = parser.parse_args()
    main(hyperparams)
