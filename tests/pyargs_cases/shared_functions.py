"""Arguments from shared functions, in groups."""
import argparse


def add_data_args(parser):
    group = parser.add_argument_group("data", "where it is")
    group.add_argument("--data-dir", type=str, required=True)
    group.add_argument("--workers", "-j", type=int, default=4)
    return parser


def add_model_args(container, prefix="model"):
    container.add_argument(f"--{prefix}-depth", type=int, default=2 ** 4)
    container.add_argument("--{}-width".format(prefix), type=int, default=4 * 64)


def get_parser(**kwargs):
    parser = argparse.ArgumentParser(description=__doc__, **kwargs)
    parser = add_data_args(parser)
    add_model_args(parser.add_argument_group(title="model"))
    add_model_args(parser, prefix="teacher")
    return parser


def main(argv=None):
    args = get_parser(allow_abbrev=False).parse_args(argv)
    print(args)


if __name__ == '__main__':
    main()
