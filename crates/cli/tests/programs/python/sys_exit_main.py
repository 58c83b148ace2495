import sys


def main():
    print("arguments:", len(sys.argv) - 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
