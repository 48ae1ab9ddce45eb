"""Capacity: what the tries of a search come to, told as numbers, page and figure."""
