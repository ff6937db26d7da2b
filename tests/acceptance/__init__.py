"""What a user was promised, tested from outside: whole exports, whole processes, real servers."""
