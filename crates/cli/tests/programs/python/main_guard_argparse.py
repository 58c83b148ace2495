import argparse
import logging
import sys


def build_parser():
    parser = argparse.ArgumentParser(prog="stats", description="Sums numbers.")
    parser.add_argument("numbers", nargs="+", type=float)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--mode", choices=["sum", "max"], default="sum")
    return parser


def main(argv):
    options = build_parser().parse_args(argv)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
    log = logging.getLogger("stats")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if options.verbose else logging.WARNING)
    log.debug("got %d numbers", len(options.numbers))
    result = sum(options.numbers) if options.mode == "sum" else max(options.numbers)
    print(f"{options.mode}: {result:g}")
    return 0


if __name__ == "__main__":
    main(["1", "2", "3.5", "-v"])
    main(["4", "9", "--mode", "max"])
    print(build_parser().format_usage().strip())
