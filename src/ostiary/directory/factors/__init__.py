"""Factors of directory users beside the password: what is enrolled, and when one of them is required."""
