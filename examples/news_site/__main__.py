"""``python -m examples.news_site``: serve the site with gunicorn."""

import os
import sys

from . import SettingsMissing, create_app


def main() -> None:
    try:
        create_app()
    except SettingsMissing as fault:
        sys.exit(str(fault))
    port = os.environ.get("NEWS_SITE_PORT", "8001")
    command = f"-m gunicorn examples.news_site:create_app() --bind 127.0.0.1:{port} --workers 1 --threads 8"
    # exec: signals reach gunicorn itself, and nothing is left running when it ends.
    os.execv(sys.executable, [sys.executable, *command.split()])


if __name__ == "__main__":
    main()
