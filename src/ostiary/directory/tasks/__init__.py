"""Tasks: what callers follow when a deletion is answered before all of it is done."""
