"""Measurements, each in one run on one machine; `make bench` runs them all and writes REPORT.md."""
