"""What every host adapter does alike: the standard library alone, Python 3.9 and later."""
