"""``python -m mimic`` is the console command ``mimic``."""

import sys

from mimic.console.main import main

if __name__ == "__main__":
    sys.exit(main())
