"""What builds, checks and measures the project; `scripts.benchmarks` holds the measurements."""
