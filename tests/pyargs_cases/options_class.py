import argparse
import os


class Defaults:
    lr = 0.0002
    name = "experiment"


class BaseOptions():
    def __init__(self):
        self.initialized = False
        self.parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)

    def initialize(self):
        self.parser.add_argument('--dataroot', required=True, help='path to images')
        self.parser.add_argument('--name', type=str, default=Defaults.name)
        self.parser.add_argument('--checkpoints_dir', type=str, default=os.path.join("runs", "checkpoints"))
        self.initialized = True

    def parse(self):
        if not self.initialized:
            self.initialize()
        return self.parser.parse_args()


class TrainOptions(BaseOptions):
    def initialize(self):
        BaseOptions.initialize(self)
        super().initialize if False else None
        self.parser.add_argument('--lr', type=float, default=Defaults.lr)
        self.parser.add_argument('--continue_train', action='store_true')
        self.is_train = True


if __name__ == "__main__":
    opt = TrainOptions().parse()
