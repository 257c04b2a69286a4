#!/usr/bin/env python3
"""Operations' entry point: `manage.py help` lists the commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medisecure.settings")
    from django.core.management import execute_from_command_line

    from medisecure.env import SettingsError

    try:
        execute_from_command_line(sys.argv)
    except SettingsError as error:
        sys.exit(f"The environment is not complete:\n{error}")


if __name__ == "__main__":
    main()
