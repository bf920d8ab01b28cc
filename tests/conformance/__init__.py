"""PyTorch's own sample inputs, and programs of ours, against PyTorch eager: `python -m tests.conformance`."""
