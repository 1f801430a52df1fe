"""The networks of benchmarks/gpu.py in plain Torch: the same layers, the same weights.

Written from the papers' tables as kerasseg's are; tests/benchmarks/test_gpu.py puts the
weights of one into the other and compares the logits. Image (B, 3, H, W) of 0..255.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

MEAN = (123.68, 116.779, 103.939)


class UNet(nn.Module):
    """Ronneberger et al. 2015, zero padding: 31.0 M parameters."""

    def __init__(self, classes: int, filters: int = 64, depth: int = 4):
        super().__init__()
        widths = [filters * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(map(_two, [3, *widths[:-1]], widths))
        self.up = nn.ModuleList()
        for wide, narrow in zip(widths[:0:-1], widths[-2::-1], strict=True):
            self.up.append(nn.ConvTranspose2d(wide, narrow, 2, 2))
            self.up.append(_two(wide, narrow))
        self.logits = nn.Conv2d(filters, classes, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, image):
        x, skips = image / 127.5 - 1, []
        for level, block in enumerate(self.down):
            x = F.max_pool2d(x, 2) if level else x
            x = block(x)
            x = self.dropout(x) if level >= len(self.down) - 2 else x
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up[::2], self.up[1::2], strict=True):
            x = block(torch.cat([F.relu(up(x)), skips.pop()], 1))
        return self.logits(x)


class FCDenseNet103(nn.Module):
    """Jegou et al. 2017: 9.4 M parameters. The layers have kerasseg's names."""

    GROWTH, BLOCKS = 16, (4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4)

    def __init__(self, classes: int):
        super().__init__()
        self.parts, growth, depth = nn.ModuleDict(), self.GROWTH, 5
        self.dropout = nn.Dropout(0.2)
        self.parts["first"] = nn.Conv2d(3, 48, 3, padding=1)
        width, skips = 48, []
        for number, count in enumerate(self.BLOCKS):
            if number > depth:
                up = growth * self.BLOCKS[number - 1]
                self.parts[f"transition_up{number}"] = nn.ConvTranspose2d(up, up, 3, 2)
                width = up + skips.pop()
            for index in range(count):
                self._layer(f"block{number}_layer{index}", width, growth, 3)
                width += growth
            if number < depth:
                skips.append(width)
                self._layer(f"transition_down{number}", width, width, 1)
        self.parts["logits"] = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        x = self.parts["first"](image / 127.5 - 1)
        skips, new = [], x
        for number in range(len(self.BLOCKS)):
            if number > 5:
                skip = skips.pop()
                x = self.parts[f"transition_up{number}"](new)
                top, left = (x.shape[2] - skip.shape[2], x.shape[3] - skip.shape[3])
                x = x[:, :, top // 2 :, left // 2 :]
                x = x[:, :, : skip.shape[2], : skip.shape[3]]
                x = torch.cat([x, skip], 1)
            x, new = self._block(x, number)
            if number < 5:
                skips.append(x)
                x = F.max_pool2d(self._applied(f"transition_down{number}", x), 2)
        return self.parts["logits"](x)

    def _block(self, x, number):
        new = []
        for index in range(self.BLOCKS[number]):
            new.append(self._applied(f"block{number}_layer{index}", x))
            x = torch.cat([x, new[-1]], 1)
        return x, torch.cat(new, 1)

    def _layer(self, name, width, filters, kernel):
        self.parts[f"{name}_bn"] = nn.BatchNorm2d(width, eps=1e-4)
        self.parts[name] = nn.Conv2d(width, filters, kernel, padding=kernel // 2)

    def _applied(self, name, x):
        return self.dropout(self.parts[name](F.relu(self.parts[f"{name}_bn"](x))))


class DeepLabV3Plus(nn.Module):
    """Chen et al. 2018 on a ResNet-50 (stride in the first 1x1), output stride 16,
    multi-grid 1, 2, 4, full convolutions. The layers have kerasseg's names."""

    BLOCKS, RATES = (3, 4, 6, 3), (6, 12, 18)

    def __init__(self, classes: int):
        super().__init__()
        self.parts = nn.ModuleDict()
        self.dropout = nn.Dropout(0.1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), False)
        self._conv("encoder_conv1", 3, 64, 7, stride=2, eps=1.001e-5)
        width = 64
        for name, filters, stride, dilation in self._units():
            options = {"eps": 1.001e-5}
            if name.endswith("block1"):
                self._conv(f"{name}_0", width, 4 * filters, 1, stride=stride, **options)
            self._conv(f"{name}_1", width, filters, 1, stride=stride, **options)
            self._conv(f"{name}_2", filters, filters, 3, dilation=dilation, **options)
            self._conv(f"{name}_3", filters, 4 * filters, 1, **options)
            width = 4 * filters
        self._conv("aspp_point", width, 256, 1)
        for rate in self.RATES:
            self._conv(f"aspp_rate{rate}", width, 256, 3, dilation=rate)
        self._conv("aspp_context", width, 256, 1)
        locals_ = 256 * (1 + len(self.RATES))
        self.parts["aspp_project_local"] = nn.Conv2d(locals_, 256, 1, bias=False)
        self.parts["aspp_project_context"] = nn.Conv2d(256, 256, 1, bias=False)
        self.parts["aspp_project_bn"] = nn.BatchNorm2d(256)
        self._conv("decoder_low_level", 256, 48, 1)
        self._conv("decoder_0", 304, 256, 3)
        self._conv("decoder_1", 256, 256, 3)
        self.parts["logits"] = nn.Conv2d(256, classes, 1)

    def forward(self, image):
        x = F.relu(self._applied("encoder_conv1", image - self.mean))
        x = F.max_pool2d(x, 3, 2, 1)
        for name, *_ in self._units():
            first = name.endswith("block1")
            shortcut = self._applied(f"{name}_0", x) if first else x
            x = F.relu(self._applied(f"{name}_1", x))
            x = F.relu(self._applied(f"{name}_2", x))
            x = F.relu(shortcut + self._applied(f"{name}_3", x))
            if name == "encoder_conv2_block3":
                skip = x
        x = self.dropout(self._aspp(x))
        skip = F.relu(self._applied("decoder_low_level", skip))
        x = torch.cat([_resized(x, skip.shape[2:]), skip], 1)
        x = F.relu(self._applied("decoder_0", x))
        x = F.relu(self._applied("decoder_1", x))
        return _resized(self.parts["logits"](x), image.shape[2:])

    def _units(self):
        """(name, filters, stride, dilation) of each bottleneck."""
        for stage, count in enumerate(self.BLOCKS):
            for block in range(1, count + 1):
                stride = 2 if block == 1 and stage in (1, 2) else 1
                dilation = 2 * (1, 2, 4)[block - 1] if stage == 3 else 1
                name = f"encoder_conv{stage + 2}_block{block}"
                yield name, 64 * 2**stage, stride, dilation

    def _aspp(self, x):
        names = ["aspp_point", *(f"aspp_rate{rate}" for rate in self.RATES)]
        local = torch.cat([F.relu(self._applied(name, x)) for name in names], 1)
        context = F.relu(self._applied("aspp_context", x.mean((2, 3), keepdim=True)))
        both = self.parts["aspp_project_local"](local)
        both = both + self.parts["aspp_project_context"](context)
        return F.relu(self.parts["aspp_project_bn"](both))

    def _conv(self, name, width, filters, kernel, stride=1, dilation=1, eps=1e-5):
        self.parts[f"{name}_conv"] = nn.Conv2d(
            width,
            filters,
            kernel,
            stride,
            dilation * (kernel // 2),
            dilation,
            bias=False,
        )
        self.parts[f"{name}_bn"] = nn.BatchNorm2d(filters, eps=eps)

    def _applied(self, name, x):
        return self.parts[f"{name}_bn"](self.parts[f"{name}_conv"](x))


NETWORKS = {
    "unet": UNet,
    "fc_densenet103": FCDenseNet103,
    "deeplab_v3plus_resnet50": DeepLabV3Plus,
}


def _two(width: int, filters: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, filters, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(),
    )


def _resized(x, size):
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
