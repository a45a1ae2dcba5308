from argparse import ArgumentParser as AP, SUPPRESS

LEARNING_RATE: float = 2e-5
MODEL = "bert"
parser = AP()
parser.add_argument("-lr", "--learning-rate", "--rate", default=LEARNING_RATE, type=float)
parser.add_argument("--model-name", default=f"{MODEL}-base" + "-uncased", help="one of "
                    "the hub's")
parser.add_argument("--epochs", required=True, type=int)
parser.add_argument("--debug", action="store_true", help=SUPPRESS)
parser.add_argument("-v", "--verbose", action="count", default=0)
args = parser.parse_args()
print(args)
