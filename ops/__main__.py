"""``python -m ops``: what the script ``theriac`` hands over to."""

import sys

from ops.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
