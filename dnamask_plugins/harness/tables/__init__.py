"""A task from whatever table a user has: read it, find out what its columns are, split it, say how.

`import_table` writes the rows in the layout that the rest of the harness reads, with the split, the names of
the classes and a task file beside them, so that what was trained on can be looked at and used again.
"""

from dnamask_plugins.harness.tables.importing import Imported, TableOptions, import_table
from dnamask_plugins.harness.tables.of_task import options_of, table_of

__all__ = ["Imported", "TableOptions", "import_table", "options_of", "table_of"]
