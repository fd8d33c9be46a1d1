"""The command line: reads options, calls the pipeline, tells people and programs what happens."""
