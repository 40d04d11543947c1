"""The optimizer: Muon for the weight matrices, AdamW for everything else.

Muon is written here, batched over matrices of one shape, and in float32 unless bfloat16 is asked for: the library's
own always computes in bfloat16, which a processor without its instructions has to imitate slowly.
Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonal(stack: Tensor, narrow: bool = False, steps: int = 5) -> Tensor:
    """Push the singular values of each matrix of `stack` (N,R,C) towards 1, by Newton-Schulz steps.

    narrow: in bfloat16, whose error the steps themselves correct.
    """
    a, b, c = QUINTIC
    tall = stack.shape[1] > stack.shape[2]
    x = stack.transpose(1, 2) if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = x.bfloat16().contiguous() if narrow else x
    for _ in range(steps):
        square = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    x = x.float()
    return x.transpose(1, 2) if tall else x


def shared_orthogonal(stack: Tensor, narrow: bool = False) -> Tensor:
    """`orthogonal`, each worker of a distributed run doing its share of the stack; the same on one worker."""
    if not distributed.is_initialized():
        return orthogonal(stack, narrow)
    share = slice(distributed.get_rank(), None, distributed.get_world_size())
    result = torch.zeros_like(stack)
    result[share] = orthogonal(stack[share], narrow)
    distributed.all_reduce(result)
    return result


class Muon(torch.optim.Optimizer):
    """Momentum, then the nearest orthogonal matrix of it, as the step; for two-dimensional weights only."""

    def __init__(
        self,
        matrices: list[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        decay: float = 0.01,
        narrow: bool = False,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "decay": decay})
        self.narrow = narrow

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = {}
            for matrix in group["params"]:
                shapes.setdefault(matrix.shape, []).append(matrix)
            for shape, matrices in shapes.items():
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                pushes = torch.stack([self._push(matrix, group["momentum"]) for matrix in matrices])
                for matrix, push in zip(matrices, shared_orthogonal(pushes, self.narrow), strict=True):
                    matrix.mul_(1 - group["lr"] * group["decay"]).add_(push, alpha=-scale)

    def _push(self, matrix: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov momentum: the running mean of gradients, looked at one step ahead."""
        state = self.state[matrix]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(matrix)
        velocity = state["velocity"].lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(velocity, momentum)


def optimizers(model: nn.Module, muon_lr: float, adam_lr: float, narrow: bool = False) -> list[torch.optim.Optimizer]:
    """Muon over the matrices inside the layers (`narrow`: in bfloat16), AdamW over the embedding and the norms; what
    takes no gradient is in neither."""
    learning = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in learning if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in learning if p.ndim < 2 or "embed" in name]
    adam = torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [Muon(matrices, muon_lr, narrow=narrow), adam]
