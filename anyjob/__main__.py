"""`python -m anyjob`."""

from anyjob.cli import main

if __name__ == "__main__":
    main()
