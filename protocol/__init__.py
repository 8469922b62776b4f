"""The bytes that lock, phone and cloud agree on. Runs unchanged on CPython and MicroPython. No I/O here."""
