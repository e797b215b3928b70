"""Trains. Has never heard of Qt."""

__version__ = "0.1.0"
