"""Train a lab model on packed windows.

    python training/train.py --data build/windows.npz --out build/run --steps 3000 --decay-from 1200

The schedule counts steps, not minutes, so a run is the same on a slow machine. A run that was stopped goes on from its
last checkpoint with `--resume`. The log is a CSV: step, tokens, elapsed_s, loss, validation loss, learning-rate scale.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))

from muon import optimizers
from network import Llama, Shape, rotary

Windows = dict[str, np.ndarray]
PROMPT_SHARE = 0.12  # prompt tokens that count in a step, and with what weight
PROMPT_WEIGHT = 0.4


def read_windows(path: Path) -> Windows:
    """ids (N,T) uint16, answer (N,T) uint8 where 1 marks tokens to be learned, document (N,T) uint16, 0 = padding."""
    with np.load(path) as file:
        return {key: file[key] for key in ("ids", "answer", "document")}


def batch(windows: Windows, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs (B,T-1), targets (B,T-1), weights (B,T-1) and the block-diagonal causal mask (B,1,T-1,T-1)."""
    ids = torch.from_numpy(windows["ids"][rows].astype(np.int64))
    weight = torch.from_numpy(windows["answer"][rows].astype(np.float32))
    document = torch.from_numpy(windows["document"][rows].astype(np.int32))
    seen, n_seen = document[:, :-1], document.shape[1] - 1
    mask = (seen[:, :, None] == seen[:, None, :]) & torch.tril(torch.ones(n_seen, n_seen, dtype=torch.bool))
    inside = (document[:, 1:] == seen) & (seen > 0)
    return ids[:, :-1], ids[:, 1:], torch.where(inside, weight[:, 1:], torch.tensor(-1.0)), mask[:, None]


def scale_at(step: int, decay_from: int, steps: int, warm: int = 40) -> float:
    """The learning rate's share at a step: a short rise, flat, from `decay_from` a straight line down to 2 percent."""
    falling = (step - decay_from) / max(1, steps - decay_from)
    return min(1.0, (step + 1) / warm) * min(1.0, max(0.02, 1 - falling))


def validation_loss(model: Llama, windows: Windows, positions: tuple[Tensor, Tensor], n_rows: int = 96) -> float:
    """Mean cross-entropy in nats over answer tokens of the first `n_rows` held-back windows."""
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, min(n_rows, len(windows["ids"])), 16):
            rows = np.arange(start, min(start + 16, len(windows["ids"])))
            ids, targets, weight, mask = batch(windows, rows)
            chosen = weight > 0.5
            logits = model.logits(model.hidden(ids, mask, *positions)[chosen])
            total += F.cross_entropy(logits, targets[chosen], reduction="sum").item()
            count += int(chosen.sum())
    return total / count


def share_gradients(model: Llama, weight: Tensor) -> None:
    """Add up gradients and weights over all workers and divide: the gradient of the weighted mean loss."""
    parameters = list(model.parameters())
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters] + [weight.reshape(1)])
    if distributed.is_initialized():
        distributed.all_reduce(flat)
    total = flat[-1].item()
    at = 0
    for parameter in parameters:
        parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter) / total)
        at += parameter.numel()


def train(rank: int, args: argparse.Namespace, meeting: str) -> None:
    """Run the schedule from step 0, or from the last checkpoint, to its end, as worker `rank`.

    Workers share each step's windows and add up their gradients once a step, so that a busy processor holds up a step
    once and not at every matrix.
    """
    torch.set_num_threads(args.threads)
    if args.workers > 1:
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=args.workers)
    first = rank == 0
    torch.manual_seed(args.seed)
    windows = read_windows(args.data)
    held = {key: value[: args.validation] for key, value in windows.items()}
    windows = {key: value[args.validation :] for key, value in windows.items()}
    n_rows, n_seen = len(windows["ids"]), windows["ids"].shape[1] - 1
    model = Llama(Shape())
    tools = optimizers(model, args.muon_lr, args.adam_lr)
    base = [[group["lr"] for group in tool.param_groups] for tool in tools]
    positions = rotary(model.shape, n_seen)
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = args.out / "checkpoint.pt", args.out / "log.csv"
    step, spent = 0, 0.0
    if args.resume and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        for tool, saved in zip(tools, state["tools"], strict=True):
            tool.load_state_dict(saved)
        step, spent = state["step"], state["spent"]
    else:
        if args.start:
            model.load_state_dict(torch.load(args.start, weights_only=True)["model"])
        log.write_text("step,tokens,elapsed_s,loss,validation,scale\n", encoding="utf-8")
    hidden = torch.compile(model.hidden) if args.compile else model.hidden
    if first:
        print(f"{sum(p.numel() for p in model.parameters())} parameters, {n_rows} windows of {n_seen + 1}", flush=True)
    began, mean = time.perf_counter() - spent, None
    per_pass = n_rows // args.batch
    while step < args.steps:
        order = np.random.default_rng([args.seed, step // per_pass]).permutation(n_rows)
        at = (step % per_pass) * args.batch
        scale = scale_at(step, args.decay_from, args.steps)
        for tool, rates in zip(tools, base, strict=True):
            for group, rate in zip(tool.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        ids, targets, weight, mask = batch(windows, order[at : at + args.batch][rank :: args.workers])
        torch.manual_seed((args.seed * 1_000_003 + step) * args.workers + rank)
        prompt = (weight == 0) & (torch.rand(weight.shape) < PROMPT_SHARE)
        weight = torch.where(prompt, torch.tensor(PROMPT_WEIGHT), weight)
        chosen = weight > 0
        logits = model.logits(hidden(ids, mask, *positions)[chosen])
        losses, weights = F.cross_entropy(logits, targets[chosen], reduction="none"), weight[chosen]
        loss = (losses * weights).sum()
        loss.backward()
        share_gradients(model, weights.sum())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for tool in tools:
            tool.step()
            tool.zero_grad(set_to_none=True)
        step += 1
        now = loss.item() / weights.sum().item()  # of the first worker's share
        mean = now if mean is None else 0.97 * mean + 0.03 * now
        if first and (step % args.report == 0 or step == args.steps):
            spent = time.perf_counter() - began
            due = step % (args.report * 5) == 0 or step == args.steps
            valid = validation_loss(model, held, positions) if due else ""
            tokens = step * args.batch * n_seen
            print(f"step {step} {tokens / 1e6:.2f}M tokens {spent:.0f}s loss {mean:.4f} validation {valid}", flush=True)
            with log.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow([step, tokens, round(spent, 1), round(mean, 5), valid, round(scale, 4)])
        if first and (step % args.save == 0 or step == args.steps):
            fresh = checkpoint.with_suffix(".new")
            saved = {"model": model.state_dict(), "tools": [tool.state_dict() for tool in tools]}
            torch.save(saved | {"step": step, "spent": time.perf_counter() - began}, fresh)
            fresh.replace(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint whose weights to begin with")
    parser.add_argument("--decay-from", type=int, required=True, help="step from which the learning rate falls")
    parser.add_argument("--batch", type=int, default=8, help="windows a step")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that share each step")
    parser.add_argument("--threads", type=int, default=1, help="threads of each worker")
    parser.add_argument("--validation", type=int, default=96, help="windows held back for the validation loss")
    parser.add_argument("--report", type=int, default=50, help="steps between lines of the log")
    parser.add_argument("--save", type=int, default=250, help="steps between checkpoints")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    if args.workers == 1:
        train(0, args, "")
        return
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        multiprocessing.spawn(train, args=(args, meeting), nprocs=args.workers)


if __name__ == "__main__":
    main()
