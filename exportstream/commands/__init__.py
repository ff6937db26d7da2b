"""The commands of the command line, one module each: `run(arguments, settings) -> exit code`."""
