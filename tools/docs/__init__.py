"""The docs: pages made from the code (`python -m cedr.tools.docs`), and what runs the commands of all pages."""
