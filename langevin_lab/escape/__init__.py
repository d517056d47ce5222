"""Escape: first passage, rate formulas."""
