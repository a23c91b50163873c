"""Who wires: settings, clock, entropy, processes and the embedded database."""
