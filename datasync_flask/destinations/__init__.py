"""Where data goes: one file per kind of destination behind one small interface and one registry."""
