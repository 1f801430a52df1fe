"""Writes records: samples checked, counted and put into shards."""
