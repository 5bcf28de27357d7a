"""``python -m theriac_client`` is ``theriac-client``."""

import sys

from theriac_client.cli import main

sys.exit(main())
