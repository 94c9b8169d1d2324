"""`python -m harness` is `trueup`."""

from harness.cli import main

if __name__ == "__main__":
    main()
