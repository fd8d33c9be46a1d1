"""The adapter's folders on the path, as its installer puts them there."""

from __future__ import annotations

import sys

from tests.conftest import ROOT

for folder in ("resolve", "bridge"):
    path = str(ROOT / "hosts" / folder)
    if path not in sys.path:
        sys.path.insert(0, path)
