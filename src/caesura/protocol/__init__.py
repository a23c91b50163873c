"""The wire: bytes in, events out (sans-IO). Imports nobody."""
