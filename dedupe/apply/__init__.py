"""Report to changes on disk: plan, re-check, journal, execute, undo."""
