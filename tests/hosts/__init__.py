"""Adapters of host applications."""
