"""Groups as SCIM resources."""
