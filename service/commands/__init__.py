"""The commands of ``btl``; each module's first line is its line in ``btl --help``."""
