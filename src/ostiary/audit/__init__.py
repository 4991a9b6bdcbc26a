"""The audit trail: who did what, recorded in the transaction of the change, and read back."""
