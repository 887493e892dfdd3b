"""The words that customers read, in eight languages: default messages, their pages' words, sums and dates."""
