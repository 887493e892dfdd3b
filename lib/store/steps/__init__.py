"""
Steps of the schema, a module a release. They are appended, never edited or renamed once they were released.

They import nothing of `lib` but this package: they must mean in a year what they mean today. Each registers
itself where it stands, so the modules are loaded in the order of the releases, whoever asks for one first.
docs/schema.md shows where all of them lead.

Times are Unix seconds in UTC (one unit for Stripe's times and ours), milliseconds where a name ends
in `_ms`. Money is an integer of minor units beside its currency.
"""

from lib.store.steps import release_0_1, release_0_2, release_0_3, release_0_4, release_0_5

__all__ = ["release_0_1", "release_0_2", "release_0_3", "release_0_4", "release_0_5"]
