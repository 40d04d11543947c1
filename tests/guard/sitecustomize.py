"""Python imports this at its start where the folder is on PYTHONPATH: whatever a test starts is guarded."""

import lab_guard  # noqa: F401
