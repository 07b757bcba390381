"""``python -m service`` is ``btl``."""

from service.cli import main

main()
