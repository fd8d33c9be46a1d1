"""`python -m vfx_swap`: the command line, where the `vfx-swap` script is not on PATH."""

from __future__ import annotations

__all__: list[str] = []

if __name__ == "__main__":
    from vfx_swap.cli.app import main

    main()
