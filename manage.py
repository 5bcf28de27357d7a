#!/usr/bin/env python
"""Django's commands, with the embedded PostgreSQL where no DATABASE_URL names another."""

import os
import sys

from django.core.management import execute_from_command_line

from ops.database_trouble import database_trouble_told
from ops.environment import database_environment, load_env_file, theriac_home
from ops.errors import OpsError

WITHOUT_DATABASE = {
    *("check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help"),
    *("makemessages", "makemigrations", "spectacular", "version", "--version"),
}


def main() -> None:
    """Run the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    arguments = list(sys.argv)
    command = arguments[1] if len(arguments) > 1 else "help"
    if command == "migrate" and not any(word.startswith("--database") for word in arguments):
        arguments.append("--database=owner")  # only the owner may
    try:
        load_env_file()
        if command in WITHOUT_DATABASE or {"-h", "--help"} & set(arguments):
            execute_from_command_line(arguments)
            return
        with database_environment(os.environ, theriac_home()) as environment:
            os.environ.update(environment)
            with database_trouble_told():
                execute_from_command_line(arguments)
    except OpsError as error:
        sys.exit(f"theriac: {error}")


if __name__ == "__main__":
    main()
