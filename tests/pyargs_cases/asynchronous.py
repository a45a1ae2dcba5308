import argparse
import asyncio
from functools import partial


async def main(parser=None):
    if parser is None:
        parser = argparse.ArgumentParser()
    positional = parser.add_argument("input", type=str)
    parser.add_argument("output", nargs="*", default=["out"])
    if (limit := 10) > 5:
        parser.add_argument("--limit", type=int, default=limit)
    match limit:
        case 10:
            parser.add_argument("--ten", action="store_true")
        case _:
            pass
    args = parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
