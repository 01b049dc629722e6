"""What is known of each customer between calls: rows told, answers, and all that hangs on them."""
