"""One connection's life: what is stored of it, how it changes, what the worker does for it, its pages."""
