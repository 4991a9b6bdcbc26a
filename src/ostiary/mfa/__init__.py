"""Second factors: which ones a tenant asks for, the channels of their codes, and extensions that a tenant runs."""
