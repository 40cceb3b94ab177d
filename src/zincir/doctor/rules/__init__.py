"""The rules, one in each file. A new file is a new rule: nothing else is to be told."""
