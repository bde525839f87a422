"""Extractions: chosen objects of one org go to one destination, on a schedule."""
