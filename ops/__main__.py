"""``python -m ops``: what the script ``theriac`` hands over to."""

import sys

from ops.browser_files import ensure_browser_files
from ops.cli import main
from ops.environment import ROOT

if __name__ == "__main__":
    ensure_browser_files(ROOT)
    sys.exit(main(sys.argv[1:]))
