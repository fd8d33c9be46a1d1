"""Digital doubles: seeded people, rendered by Blender with the true swap and true mattes beside each plate.

Every module here is numpy only, but `scene` and the `stage_*` modules, which run inside Blender's own Python.
"""

from __future__ import annotations

__all__: list[str] = []
