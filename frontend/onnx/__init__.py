"""ONNX files as models: each op is said in PyTorch, and `torch.export` and the converters of ATen ops do the rest."""
