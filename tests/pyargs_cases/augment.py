# Augmentation of images; defaults of other types than their arguments.
import argparse, sys
from pathlib import Path


def process_arguments(args):
    parser = argparse.ArgumentParser(description='Pipeline: augment')
    parser.add_argument('--input-path', action='store', default='.', help='input')
    parser.add_argument('--output-path', action='store', help='output')
    parser.add_argument('--iterations', action='store', default='2', type=int, help='augmentations (int)')
    parser.add_argument('--rotation-range', action='store', default=15, help='angle of rotation (float)')
    parser.add_argument('--zoom', action='store', default=.25, help='zoom (float)')
    parser.add_argument('--scale_min', action='store', default=1, type=float, help='smallest scale')
    parser.add_argument('--scale_max', action='store', default=1.5, type=float, help='largest scale')
    parser.add_argument('--vertical-flip', action='store', default='True', type=bool, help='flip'
                                                                                         ' vertically')
    parser.add_argument('--class_mode', action='store', default="categorical", type=str)
    parser.add_argument('--seed', action='store', default=0.5, type=int)
    parser.add_argument('--limit', action='store', default='many', type=int)
    params = vars(parser.parse_args(args))
    if params['seed'] is None:
        raise FileNotFoundError
    return params


if __name__ == "__main__":
    params = process_arguments(sys.argv[1:])
