"""`python -m labkit` is the command `lab`."""

from labkit.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
