"""One thread for NumPy's BLAS, since the lab's matrices are too small to share.

OpenBLAS splits even these small products over all cores and lets the threads wait for each other in a busy loop. On a
quiet machine with two cores that gains a fifth; as soon as another program wants one of the cores every product waits
for the scheduler, and the model becomes ten to forty times slower (measured; `benchmarks/lm_speed.py` shows it). So the
model asks for one thread. This holds for the whole process; whoever sets OPENBLAS_NUM_THREADS or OMP_NUM_THREADS
decides instead.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np

_SETTERS = tuple(
    f"{prefix}openblas_set_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "_64", "")
)


def use_one_thread() -> bool:
    """Set the OpenBLAS that came with NumPy's wheel to one thread; True when that was done.

    Nothing happens where the environment names a number, or NumPy came with another BLAS (Accelerate on newer Macs,
    MKL or a shared OpenBLAS under conda).
    """
    if os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS"):
        return False
    numpy = Path(np.__file__).parent
    for folder in (numpy.parent / "numpy.libs", numpy / ".dylibs", numpy / ".libs"):
        for path in sorted(folder.glob("*openblas*")) if folder.is_dir() else []:
            try:
                library = ctypes.CDLL(str(path))  # NumPy has loaded it: this is the same one, not a second
            except OSError:
                continue
            for name in _SETTERS:
                if hasattr(library, name):
                    getattr(library, name)(1)
                    return True
    return False
