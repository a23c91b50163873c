"""Who acts: the only sockets; claims, marks, sends, records."""
