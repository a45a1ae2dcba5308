import argparse as ap


class Upper(ap.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, values.upper())


def str2bool(text):
    return text.lower() in ("yes", "true")


parser = ap.ArgumentParser(allow_abbrev=False)
parser.add_argument("--cuda", action=ap.BooleanOptionalAction, default=True)
parser.add_argument("--no-cache", action="store_false", dest="cache")
parser.add_argument("--fast", action="store_const", const=3, default=1)
parser.add_argument("--with-a", action="append_const", dest="parts", const="a")
parser.add_argument("--already", action="store_true", default=True)
parser.add_argument("--upper", action=Upper)
parser.add_argument("--amp", type=str2bool, nargs="?", const=True, default=False)
parser.add_argument("--half", type=lambda text: text == "1", default=False)
parser.add_argument("--version", action="version", version="1.0")
parser.add_argument("--usage", action="help")
parser.add_argument("-x", type=int)
parser.add_argument("--", dest="odd") if False else None
parser.parse_args()
