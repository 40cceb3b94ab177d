"""Memory and machine: native code, the team of threads that runs it, and the cores there are."""
