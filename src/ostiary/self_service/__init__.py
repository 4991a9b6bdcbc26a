"""What users do for themselves: sign up, confirm an address, choose a new password."""
