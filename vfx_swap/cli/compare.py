"""`swap --engine compare`: every engine that is here, side by side in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_swap.cli.session import stop_requests
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console

__all__ = ["COMPARE", "run_comparison"]

COMPARE = "compare"


def run_comparison(console: Console, values: dict[str, Any], *, device: str) -> None:
    """Swap some frames with every engine that is here, and lay them out.

    Args:
        console: of the command.
        values: of a shot; its output is the picture.
        device: where frames are swapped.

    Raises:
        VfxSwapError: as `compare_engines` does.
    """
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.compare import compare_engines

    with stop_requests(console) as cancelled, console.progress() as progress:
        report = compare_engines(
            values, config=load_config(), device=device, today=local_today(), progress=progress, cancelled=cancelled
        )
    left_out = {name: str(error) for name, error in report.left_out.items()}
    console.event("done", output=report.path, engines=list(report.engines), frames=list(report.frames), out=left_out)
    console.say(f"{', '.join(report.engines)}: {Path(report.path)}")
    for name, why in left_out.items():
        console.say(f"left out: {name}: {why}")
