"""Signals: window functions."""

from zincir.signal import windows as windows
