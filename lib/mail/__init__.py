"""Mail: the only door through which a message leaves, step by step as SMTP has them."""
