"""Stands in for the build tool of that name; see build.py."""
