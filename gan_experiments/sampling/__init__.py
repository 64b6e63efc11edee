"""Sheets of images that ``gan-sample`` draws with a trained generator: grids, interpolations, nearest neighbours ..."""
