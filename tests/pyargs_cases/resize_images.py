import sys
import argparse


def process_arguments(args):
    parser = argparse.ArgumentParser(description='Data operation: resize')
    parser.add_argument('--input-path', action='store', help='path to directory of images or image file')
    parser.add_argument('--output-path', action='store', default='.', help='output directory to save images')
    parser.add_argument('--height', action='store', type= int, default=224, help='height of the images (int)')
    parser.add_argument('--width', action='store', type=int, default=224, help='width of the images (int)')
    parser.add_argument('--keep-ratio', action='store', default=False, help='keep the ratio (bool)')
    params = vars(parser.parse_args(args))
    return params


class Resize:
    def __init__(self, params):
        self.size = (params['height'], params['width'])

    def __execute__(self):
        print("resized to", self.size)


if __name__ == "__main__":
    print("Beginning execution of resize script ...")
    params = process_arguments(sys.argv[1:])
    op = Resize(params)
    op.__execute__()
