"""The OpenAPI document of all REST paths, made from the descriptors and their comments when code is generated."""
