"""Continuous equations that methods approximate, and how far from them they are."""
