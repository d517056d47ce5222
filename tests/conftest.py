"""Puts this folder on the path, so that all rooms' tests share `by_hand` and `z_test`."""
