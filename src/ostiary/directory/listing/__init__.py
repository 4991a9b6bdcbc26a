"""Fields by which cloudapi finds and sorts what an organization has. `query_records` has the records of Cloud
Director's older query service, which may be of all organizations."""
