"""Pictures, sequences and movies, in and out."""

__all__: list[str] = []
