"""What docs/reference is made with, one module for each place in the code that the pages come from."""
