"""Records of Cloud Director's older query service: users and roles of one organization or of all, each with the name of
its organization. `listing` has the fields of cloudapi's lists, which are of one organization."""
