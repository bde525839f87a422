"""Help: the documentation of the installed version, everything that can go wrong, all components of pages."""
