import argparse

MODELS = {"linear": print, "tree": repr}
SIZES = ["s", "m"] + ["l"]
LEVELS = tuple(range(1, 4))
REGISTRY = {}


def register(name):
    def wrap(function):
        REGISTRY[name] = function
        return function
    return wrap


@register("a")
def first():
    pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, default="tree")
    parser.add_argument("--keys", choices=sorted(MODELS.keys()))
    parser.add_argument("--size", choices=SIZES)
    parser.add_argument("--level", type=int, choices=LEVELS)
    parser.add_argument("--fold", type=int, choices=range(5))
    parser.add_argument("--registered", choices=REGISTRY.keys())
    parser.add_argument("--count", choices=[1, 2, 3])
    parser.add_argument("--letter", choices="abc")
    parser.add_argument("--big", type=int, choices=range(100000))
    parser.add_argument("mode", choices=("train", "test"), nargs="?", default="train")
    print(parser.parse_args())


main()
