"""What layers are made of: parameters, hooks, state, containers; first calls of lazy layers."""
