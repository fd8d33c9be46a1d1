"""What lies in front of a face: hands, microphones and spectacles told from the face itself."""

from __future__ import annotations

__all__: list[str] = []
