import argparse
import sys


def data_processor(*args, **kwargs):
    def wrap(function):
        return function
    return wrap


parameter = metric = data_processor


@data_processor(name="Train", author="me", type="ALGORITHM", description="Trains a 'net'", visibility="PUBLIC")
@parameter("input-path", "str", True, ".", "where the data is")
@parameter(name="epochs", type="int", required=True, defaultValue=[1, 2], description="how " "often")
@parameter(name="shape", type="Path", required="TRUE", defaultValue=1 + 2)
@parameter(name="lr", type="float", required=False, defaultValue=-0.5)
@parameter(name="verbose", type="bool", required=False, defaultValue=None)
@parameter(name="lost", type="str", required=True)
@parameter(name="bad name", type="str", required=False, defaultValue="a b")
@metric(name="recall", ground_truth="truth", prediction="guess")
def describe():
    @parameter("inner", "str", True, "")
    def hidden():
        pass


def arguments(args):
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", default=".")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--lr", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(args)


if __name__ == "__main__":
    arguments(sys.argv[1:])
