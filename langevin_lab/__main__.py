"""``python -m langevin_lab``: the command line."""

from langevin_lab.lab.command_line import main

if __name__ == "__main__":
    main()
