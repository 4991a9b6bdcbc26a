"""Mail address of the account: another one takes its place when the person has proved to read its mail."""
