"""
Messages to customers: put together in their language from a link or from charges that failed, and sent once.

One charge and a whole run have the same words. What leaves was asked for by a person, or by a rule that a
person switched on, and is in the outbox before it leaves. Nothing here decides who is charged or makes a link. The doors and `runs` call it.
"""
