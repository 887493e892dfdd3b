"""One module a resource: what it accepts, refuses and answers."""
