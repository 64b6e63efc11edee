"""Reads networks that other code has trained from its files, without running anything of it."""
