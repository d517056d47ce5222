"""Compiled arithmetic: decorators, machine operations and vectorisable elementary functions."""
