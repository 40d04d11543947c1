"""Train a lab model on packed windows.

    python training/train.py --data build/trunk.npz --out build/trunk --steps 3000 --decay-from 1200

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
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))

from muon import optimizers
from network import SHAPES, Llama, rotary
from pack import answer_weights

PROMPT_SHARE = 0.12  # prompt tokens that count in a step, and with what weight
PROMPT_WEIGHT = 0.4


class Windows:
    """Packed windows of one length: ids (N,T+1) uint16, weight (N,T+1) of the tokens to be learned (0: not to be),
    document (N,T+1) uint16 with 0 for padding."""

    def __init__(self, ids: np.ndarray, weight: np.ndarray, document: np.ndarray) -> None:
        self.ids, self.weight, self.document = ids, weight, document

    def __len__(self) -> int:
        return len(self.ids)

    def split(self, share: float) -> tuple[Windows, Windows]:
        """The first `share` of the windows, and the rest."""
        at = round(len(self) * share)
        parts = (self.ids, self.weight, self.document)
        return Windows(*(part[:at] for part in parts)), Windows(*(part[at:] for part in parts))

    def batch(self, rows: np.ndarray, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs (B,T), targets (B,T), weights (B,T; -1 where nothing follows) and the causal mask (B,1,T,T) within
        each document."""
        ids = torch.from_numpy(self.ids[rows].astype(np.int64)).to(device)
        weight = torch.from_numpy(self.weight[rows].astype(np.float32)).to(device)
        document = torch.from_numpy(self.document[rows].astype(np.int32)).to(device)
        seen, n_seen = document[:, :-1], document.shape[1] - 1
        causal = torch.tril(torch.ones(n_seen, n_seen, dtype=torch.bool, device=device))
        mask = (seen[:, :, None] == seen[:, None, :]) & causal
        inside = (document[:, 1:] == seen) & (seen > 0)
        return ids[:, :-1], ids[:, 1:], weight[:, 1:].masked_fill(~inside, -1.0), mask[:, None]


def read_windows(path: Path) -> dict[int, Windows]:
    """Window length -> its windows, from a file that `build.py` wrote."""
    with np.load(path) as file:
        lengths = sorted(int(key.split(" ")[1]) for key in file if key.startswith("ids "))
        parts = {n: [file[f"{part} {n}"] for part in ("ids", "answer", "document")] for n in lengths}
    return {n: Windows(ids, answer_weights(answer), document) for n, (ids, answer, document) in parts.items()}


def liken_twins(model: Llama, path: Path) -> None:
    """Begin with embeddings in which ' Oslo' is 'Oslo' and a shift that all such pairs share."""
    with np.load(path) as file:
        spaced, bare = torch.from_numpy(file["twins"].astype(np.int64)).T
    weight = model.model.embed_tokens.weight
    with torch.no_grad():
        shift = torch.randn(weight.shape[1]) * weight.std()
        weight[spaced] = (weight[bare] + shift) * 0.7


def batches(windows: dict[int, Windows], tokens: int, seed: int, from_step: int) -> Iterator[tuple[int, np.ndarray]]:
    """Endless (window length, rows) of about `tokens` tokens each, all lengths mixed, every pass in a new order."""
    step, turn = 0, 0
    while True:
        rng = np.random.default_rng([seed, turn])
        made = []
        for length, part in windows.items():
            rows, size = rng.permutation(len(part)), max(2, tokens // length // 2 * 2)
            made += [(length, rows[at : at + size]) for at in range(0, len(rows) - size + 1, size)]
        for place in rng.permutation(len(made)):
            if step >= from_step:
                yield made[place]
            step += 1
        turn += 1


def scale_at(step: int, decay_from: int, steps: int, warm: int = 40) -> float:
    """The learning rate's share at a step: a short rise, flat, from `decay_from` a straight line down to 2 percent."""
    falling = (step - decay_from) / max(1, steps - decay_from)
    return min(1.0, (step + 1) / warm) * min(1.0, max(0.02, 1 - falling))


def validation_loss(model: Llama, windows: dict[int, Windows], device: str) -> float:
    """Mean cross-entropy in nats over answer tokens of the windows held back."""
    total, count = 0.0, 0
    with torch.no_grad():
        for length, part in windows.items():
            positions = rotary(model.shape, length, device)
            size = max(1, 3072 // length)
            for start in range(0, len(part), size):
                ids, targets, weight, mask = part.batch(np.arange(start, min(start + size, len(part))), device)
                chosen = weight > 0
                logits = model.logits(model.hidden(ids, mask, *positions)[chosen])
                total += F.cross_entropy(logits, targets[chosen], reduction="sum").item()
                count += int(chosen.sum())
    return total / count


def keep_below(model: Llama, layer: int) -> None:
    """Take the embedding and the layers below `layer` out of training: they stay what they are, to the bit."""
    for part in (model.model.embed_tokens, *model.model.layers[:layer]):
        part.requires_grad_(False)


def share_gradients(model: Llama, weight: Tensor) -> None:
    """Add up gradients and weights over all workers and divide: the gradient of the weighted mean loss."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters] + [weight.reshape(1)])
    if distributed.is_initialized():
        distributed.all_reduce(flat)
    flat[:-1] /= flat[-1].clone()
    at = 0
    for parameter in parameters:
        parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()


def weights_at(path: Path, device: str) -> dict[str, Tensor]:
    """The weights of a checkpoint, or of an exported model.safetensors."""
    if path.suffix == ".safetensors":
        return {name: tensor.float() for name, tensor in load_file(path, device=device).items()}
    weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location=device)["model"]
    return weights


def train(rank: int, args: argparse.Namespace, meeting: str) -> None:
    """Run the schedule from step 0, or from the last checkpoint, to its end, as worker `rank`.

    Workers share each step's windows and add up their gradients once a step, so that a busy processor holds up a step
    once and not at every matrix.
    """
    torch.set_num_threads(args.threads)
    if args.workers > 1:
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=args.workers)
    first, device = rank == 0, args.device
    torch.manual_seed(args.seed)
    halves = {length: part.split(args.validation) for length, part in read_windows(args.data).items()}
    held, windows = ({length: half[i] for length, half in halves.items()} for i in (0, 1))
    model = Llama(SHAPES[args.shape])
    liken_twins(model, args.data)
    model.to(device)
    if args.train_from:
        keep_below(model, args.train_from)
    tools = optimizers(model, args.muon_lr, args.adam_lr, args.bf16)
    base = [[group["lr"] for group in tool.param_groups] for tool in tools]
    positions = {length: rotary(model.shape, length, device) for length in windows}
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = args.out / "checkpoint.pt", args.out / "log.csv"
    step, spent, tokens = 0, 0.0, 0
    if args.resume and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        for tool, saved in zip(tools, state["tools"], strict=True):
            tool.load_state_dict(saved)
        step, spent, tokens = state["step"], state["spent"], state["tokens"]
    else:
        if args.start:
            model.load_state_dict(weights_at(args.start, device))
        if first:
            log.write_text("step,tokens,elapsed_s,loss,validation,scale\n", encoding="utf-8")
    hidden = torch.compile(model.hidden, dynamic=False) if args.compile else model.hidden
    narrow = torch.autocast(device, torch.bfloat16) if args.bf16 else nullcontext()
    if first:
        sizes = ", ".join(f"{len(part)} windows of {length} + 1" for length, part in windows.items())
        print(f"{sum(p.numel() for p in model.parameters())} parameters, {sizes}", flush=True)
    began, mean = time.perf_counter() - spent, None
    for length, rows in batches(windows, args.batch_tokens, args.seed, step):
        if step >= args.steps:
            break
        scale = scale_at(step, args.decay_from, args.steps)
        for tool, rates in zip(tools, base, strict=True):
            for group, rate in zip(tool.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        ids, targets, weight, mask = windows[length].batch(rows[rank :: args.workers], device)
        torch.manual_seed((args.seed * 1_000_003 + step) * args.workers + rank)
        prompt = (weight == 0) & (torch.rand(weight.shape, device=device) < PROMPT_SHARE)
        weight = weight.masked_fill(prompt, PROMPT_WEIGHT)
        chosen = weight > 0
        with narrow:
            logits = model.logits(hidden(ids, mask, *positions[length])[chosen])
        losses, weights = F.cross_entropy(logits.float(), targets[chosen], reduction="none"), weight[chosen]
        loss = (losses * weights).sum()
        loss.backward()
        share_gradients(model, weights.sum())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for tool in tools:
            tool.step()
            tool.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + len(rows) * length
        if not first:
            continue
        if step % 10 == 0 or step == args.steps:  # of the first worker's share; reading it waits for the device
            now = loss.item() / weights.sum().item()
            mean = now if mean is None else 0.8 * mean + 0.2 * now
        if step % args.report == 0 or step == args.steps:
            spent = time.perf_counter() - began
            due = step % (args.report * 5) == 0 or step == args.steps
            valid = round(validation_loss(model, held, device), 5) if due else ""
            print(f"step {step} {tokens / 1e6:.2f}M tokens {spent:.0f}s loss {mean} validation {valid}", flush=True)
            with log.open("a", encoding="utf-8", newline="") as file:
                row = [step, tokens, round(spent, 1), mean and round(mean, 5), valid, round(scale, 4)]
                csv.writer(file).writerow(row)
        if step % args.save == 0 or step == args.steps:
            fresh = checkpoint.with_suffix(".new")
            saved = {"model": model.state_dict(), "tools": [tool.state_dict() for tool in tools], "shape": args.shape}
            torch.save(saved | {"step": step, "tokens": tokens, "spent": time.perf_counter() - began}, fresh)
            fresh.replace(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="small")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint or model.safetensors whose weights to begin with")
    parser.add_argument("--train-from", type=int, default=0, help="train no layer below this one; 0 trains all")
    parser.add_argument("--decay-from", type=int, required=True, help="step from which the learning rate falls")
    parser.add_argument("--batch-tokens", type=int, default=3072, help="tokens a step")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16, where the device has it")
    parser.add_argument("--workers", type=int, default=2, help="processes that share each step; 1 on a GPU")
    parser.add_argument("--threads", type=int, default=1, help="threads of each worker")
    parser.add_argument("--validation", type=float, default=0.004, help="share of windows held back for the validation")
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
