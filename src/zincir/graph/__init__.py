"""What is computed, as data: primitives, nodes, and the walks over them."""
