"""Who asks: translation between HTTP and the service functions, and nothing else."""
