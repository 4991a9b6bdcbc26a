"""Schemas and attributes of the resources, the values that attributes take, and the documents that describe them."""
