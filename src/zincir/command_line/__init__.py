"""The commands of `zincir`, by what they are about."""
