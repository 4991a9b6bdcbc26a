"""Hosted sign-in pages for browsers. They work without scripts, and cannot be shown in a frame."""
