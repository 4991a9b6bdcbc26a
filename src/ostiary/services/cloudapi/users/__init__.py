"""Users of cloudapi: what a request says of them, and how they are shown."""
