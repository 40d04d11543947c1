"""Python imports this at start where the folder is on PYTHONPATH: kernels, servers and SDKs that tests start are guarded."""

import lab_guard  # noqa: F401
