"""The vocabulary: every primitive, declared once and whole, and what is composed of them."""
