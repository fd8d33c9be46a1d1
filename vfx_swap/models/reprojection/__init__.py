"""The default swapper, without weights: the identity's skin reprojected onto the performer."""

__all__: list[str] = []
