"""
Data protection: all that is kept of one person, and for how long things are kept (docs/decisions/038).

Export, dry run and erasing read one list of what is whose. What money rests on is never removed; what was erased is kept
away by triggers, whoever writes, and by a file that outlives the database. Only the doors call this room.
"""
