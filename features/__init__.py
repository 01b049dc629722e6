"""One definition of every feature."""
