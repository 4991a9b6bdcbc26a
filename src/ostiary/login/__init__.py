"""The hosted pages: how people sign in with a browser. They work without scripts, and nobody may frame them."""
