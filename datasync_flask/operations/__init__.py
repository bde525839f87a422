"""Tools for people who run DataSync: health, metrics, doctor, backup, key rotation."""
