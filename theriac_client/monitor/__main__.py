"""``python -m theriac_client.monitor`` is ``ledger_monitor``."""

import sys

from theriac_client.monitor.cli import main

sys.exit(main())
