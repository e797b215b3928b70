"""Widgets are given data and give signals. They know nothing of runs on disk, and never ask anybody."""
