"""Training steps of Torch on the card: compiled, channels_last, bfloat16."""

from __future__ import annotations

from networks import NETWORKS
from protocol import serve


def build(work):
    import torch
    from torch.nn import functional as F

    card = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    network = NETWORKS[work.model](work.classes).to(
        card, memory_format=torch.channels_last
    )
    parameters = sum(p.numel() for p in network.parameters())
    fused = {"fused": True} if card == "cuda" else {}
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4, **fused)
    forward = torch.compile(network) if work.compiled else network
    shape = work.batch, 3, *work.size
    image = (255 * torch.rand(shape, device=card)).contiguous(
        memory_format=torch.channels_last
    )
    label = torch.randint(0, work.classes, (work.batch, *work.size), device=card)

    def turn():
        for _ in range(work.steps):
            with torch.autocast(card, torch.bfloat16):
                logits = forward(image)
            loss = F.cross_entropy(logits.float(), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if not torch.isfinite(loss):  # and waits for the card
            raise FloatingPointError("the loss is not finite")

    return turn, f"Torch {torch.__version__}, {parameters:,} trainable parameters"


if __name__ == "__main__":
    serve(build)
