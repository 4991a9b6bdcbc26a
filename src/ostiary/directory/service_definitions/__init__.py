"""Service definitions: services outside of this server, whose roles users and groups of organizations hold here."""
