"""From PyTorch to the IR: export, import, and what can't be imported."""
