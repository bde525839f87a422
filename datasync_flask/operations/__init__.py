"""What people who run DataSync need: health, metrics, doctor, backup, moving settings."""
