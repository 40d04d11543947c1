"""How long it takes to begin: importing the lab and getting a first answer, beside importing an SDK.

Run: python benchmarks/start.py    (in the lab's environment, with the `openai` package installed)
Prints medians of fresh processes, taken in turns in one run, and their ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

FIRST_ANSWER = """
import httpx
from labkit import Lab
lab = Lab(pace="quick")
body = {"model": lab.model("lab"), "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
key = {"Authorization": f"Bearer {lab.key('lab')}"}
answer = httpx.post(lab.url("lab") + "/chat/completions", json=body, headers=key)
assert answer.status_code == 200, answer.text
"""
CASES = {
    "python -c pass": "pass",
    "import labkit": "import labkit",
    "import openai": "import openai",
    "Lab() to its first answer": FIRST_ANSWER,
    "import openai; OpenAI()": "import openai; openai.OpenAI(api_key='none')",
}


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(rounds: int = 7) -> None:
    """Time every case in turns and print medians and ratios."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds + 1):
        for name, code in CASES.items():
            taken = seconds(code)
            if number:  # the first round warms the disk cache
                times[name].append(taken)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    for name, taken in median.items():
        print(f"{name:28} {taken * 1000:7.0f} ms")
    bare = median["python -c pass"]
    imports = (median["import labkit"] - bare) / (median["import openai"] - bare)
    print(f"import labkit / import openai, without the interpreter: {imports:.2f}")
    starts = median["Lab() to its first answer"] / median["import openai; OpenAI()"]
    print(f"first answer / import openai; OpenAI(): {starts:.2f}")


if __name__ == "__main__":
    main()
