"""HTTP as every dialect needs it: bodies with forms, uploads and JSON, pages of lists, and filters in queries."""
