"""What drives each adapter through the suite; a driver's module is listed in `test_conformance.DRIVERS`."""
