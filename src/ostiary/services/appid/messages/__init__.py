"""App ID management: mails and text messages, their texts, senders and links."""
