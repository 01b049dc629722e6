"""Why an answer is what it is: reasons that a salesperson understands, and what would change it."""
