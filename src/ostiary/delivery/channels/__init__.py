"""The ways that messages are sent: mail by SMTP and HTTP, text messages, and sinks for development."""
