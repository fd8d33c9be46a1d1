"""Plate to picture: analyse, cast, swap, order, resume. Knows models by their protocols only."""
