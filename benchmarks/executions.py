"""When a pipeline's components ran, from its ML Metadata (SQLite), whoever ran them."""

import sqlite3
from pathlib import Path

_QUERY = """
SELECT Context.name, Execution.create_time_since_epoch, Execution.last_update_time_since_epoch
FROM Execution
JOIN Association ON Association.execution_id = Execution.id
JOIN Context ON Context.id = Association.context_id
JOIN Type ON Type.id = Context.type_id
WHERE Type.name = 'node'
ORDER BY Execution.id
"""


def windows(database: Path) -> dict[str, tuple[float, float]]:
    """By component, begin and end of its last execution, in seconds since the epoch.

    Args:
      database: ML Metadata's SQLite file.
    """
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        # A node's context is called PIPELINE.NODE.
        return {
            name.rpartition(".")[2]: (begin / 1000, end / 1000)
            for name, begin, end in connection.execute(_QUERY)
        }
    finally:
        connection.close()


def seconds(database: Path) -> dict[str, float]:
    """By component, the seconds of its last execution."""
    return {name: end - begin for name, (begin, end) in windows(database).items()}
