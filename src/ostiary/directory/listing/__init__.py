"""Fields by which cloudapi finds and sorts what the directory has."""
