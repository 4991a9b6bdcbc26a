"""The texts of messages: templates by language, their placeholders, and the parts of a mail."""
