"""One module per measurement, run by `scripts/bench NAME`."""
