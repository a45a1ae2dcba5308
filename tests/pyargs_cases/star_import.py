from argparse import *


def cli():
    p = ArgumentParser(formatter_class=ArgumentDefaultsHelpFormatter)
    add = p.add_argument
    add("--alpha", type=float, default=1.)
    add("--beta", type=float, default=float("inf"))
    add("--path", type=FileType("w"), default=None)
    add("--hidden", help=SUPPRESS, default=-1)
    register = lambda *names, **settings: p.add_argument(*names, **settings)
    register("-k", "--kind", type=str, required=True)
    return p.parse_args()


if "__main__" == __name__:
    cli()
