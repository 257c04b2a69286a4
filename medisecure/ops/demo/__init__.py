"""Demonstration data: an invented hospital, the same each time, made by the same services that people use."""
