"""The commands of `ostiary`, a module each."""
