"""The settings of a training, as a frozen tree of dataclasses.

The defaults are the embedded training on synthetic scenes that `python -m
kerasseg.train` runs with no argument: a few minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kerasseg.augment.policies import POLICIES, Policy


@dataclass(frozen=True)
class Data:
    """Where samples come from and how they are read."""

    records: str = ""
    """Folder of records (see `prepare`); empty: synthetic road scenes, made now."""
    train: str = "train"
    """Name of the split to train on, or of several, as train+val. Of a validation split
    that is trained on, the network of the last epoch is kept, not the best."""
    val: str = "val"
    """Name of the split to validate on and choose the best network by."""
    val_images: int = 0
    """Most images of it, spread evenly over it, by which epochs are judged and files
    are compared with the network; 0: all. The scores of a run are over all of them."""
    size: tuple[int, ...] = (0, 0)
    """Height and width for the network, pixels; 0 0: that of the records. Of volumes
    depth, height and width, voxels, of the region that is cut out for a training patch
    before augmentation; 0 0 0: the crop."""
    smaller: str = ""
    """Folder for a copy of the pictures at --data.size, written when the training
    begins and kept: large images are then decoded once. It may be deleted."""
    crop: tuple[int, ...] = (0, 0)
    """Height and width of a training crop, pixels; 0 0: the whole size. Of volumes
    depth, height and width of what the network sees, voxels."""
    foreground: float = 0.33
    """Share of the training patches of volumes that is centred on a voxel of a class
    other than the first, each such class as often as the others."""
    normalise: tuple[str, ...] = ("auto",)
    """What the network's first layers do with the numbers of each band. percentile:
    clip to the percentiles 0.5 and 99.5 of the training split, then scale by mean and
    deviation; zscore: only scale; range LOW HIGH: clip, and see LOW..HIGH as 0..255 of
    a picture; none: the numbers as they are. auto: none for RGB of 8 bits, percentile
    for all others."""
    batch: int = 4
    """Samples in a training step."""
    shuffle: int = 512
    """Samples that are mixed with each other (held in memory, encoded)."""
    threads: int = 0
    """Parallel reads and decodes, 0 chooses; the batches are the same for any."""
    unlabelled: str = ""
    """Folder of records whose labels are not looked at: images for --fit.teacher."""
    unlabelled_split: str = "train"
    """Name of their split."""
    unlabelled_share: float = 0.5
    """Share of each batch that they take; an epoch still has each labelled image
    once."""
    service: str = ""
    """Address of a tf.data service that decodes the training split, grpc://HOST:PORT
    (pipelines/distributed); empty: this process decodes it."""


@dataclass(frozen=True)
class Model:
    """The network: a name of `kerasseg.models.MODELS` and its options."""

    name: str = "unet_fast"
    """`python -m kerasseg.models` lists them."""
    options: tuple[str, ...] = ()
    """Options of that network's function as key=value, for instance filters=16."""
    start: str = ""
    """Run folder or .keras file of such a network, or road_scene or road_scene_fast,
    which come with kerasseg: its weights are started from; with other classes, all but
    the last layer."""


@dataclass(frozen=True)
class Fit:
    """Optimisation."""

    epochs: int = 8
    """Passes over the training split, or as many times --fit.steps."""
    steps: int = 0
    """Steps of an epoch, after which the network is judged; 0: as many as show each
    image once."""
    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    """SGD has Nesterov momentum 0.9."""
    learning_rate: float = 4e-3
    """Peak learning rate."""
    encoder_rate: float = 1.0
    """Share of the learning rate for the encoder, whose weights are pretrained."""
    freeze: int = 0
    """Keep the encoder's first layers as they are, down to maps this many times smaller
    than the image, such as 8: less to compute, and less to forget. 0: all train."""
    schedule: Literal["warmup_cosine", "poly", "constant"] = "warmup_cosine"
    """How the rate falls: to zero along a cosine, as (1 - t)^0.9, or not."""
    warmup: float = 0.05
    """Share of all steps in which the rate rises from zero (warmup_cosine)."""
    weight_decay: float = 1e-2
    """Decoupled decay of kernels; biases and normalisation are left alone."""
    clip_norm: float = 0.0
    """Largest norm of the whole gradient; 0: no limit."""
    loss: tuple[str, ...] = ("cross_entropy=1", "soft_dice=1")
    """Losses of `kerasseg.losses.LOSSES` with their weights."""
    options: tuple[str, ...] = ()
    """Options of these losses as LOSS.OPTION=VALUE, for instance tversky.alpha=0.3 or
    cross_entropy.label_smoothing=0.1; docs/losses-and-metrics.md lists them."""
    class_weights: tuple[str, ...] = ("sqrt_median",)
    """Weights of classes in losses that take them: median, sqrt_median or inverse_log
    of the records' frequencies, segnet_camvid (its published ones) or none. Or your
    own: CLASS=NUMBER, also behind one of these (all others weigh what that says, 1
    without), or a number for each class."""
    border_weight: float = 0.0
    """Most that a pixel between two objects weighs more than others (w0 of U-Net's
    equation 2, 10 there); 0: no such weights. Records without objects: the connected
    pieces of each class."""
    border_sigma: float = 5.0
    """Width of that weight's fall with the distance to the objects, pixels."""
    teacher: tuple[str, ...] = ()
    """Run folders of trained networks of the same classes, whose mean probabilities are
    learnt beside the labels (distillation, Hinton et al. 2015). Each sees the augmented
    crop at the resolution of its own training."""
    teacher_scales: tuple[float, ...] = ()
    """Sizes at which each teacher answers, averaged, such as 0.75 1 1.25; empty: 1."""
    teacher_flip: bool = False
    """Whether the teachers' answers to the mirror image are averaged too."""
    temperature: float = 1.0
    """What logits of teachers and student are divided by before they are compared; more
    shows the teachers' second thoughts."""
    distill: float = 1.0
    """Weight of that comparison beside the losses of the labels, which stay as they
    are."""
    disagreement: float = 0.5
    """What a pixel counts in it where the teachers contradict the label: 1 as much as
    others, 0 nothing."""
    ema: float = 0.98
    """Decay of the running mean of weights that is validated and kept, smaller in the
    first steps; 0: none."""
    statistics: int = 192
    """Images of the training split, cropped and augmented, on which the statistics of
    batch normalisation are estimated again for each validation, and for what is kept;
    fewer in short epochs. 0: keep the running ones."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Type of the network's arithmetic; weights and losses stay float32. float16 has
    its loss scaled."""
    deep_supervision: bool = False
    """Ask the smaller maps of the network too, on its way up, in training alone:
    networks that have such levels, unet_3d."""
    accumulate: int = 1
    """Parts of a batch that are worked through one after the other, each in its share
    of the memory, for one update. It must divide the batch."""
    remat: bool = False
    """Keep fewer activations for the backward pass and compute the rest again: less
    memory, about a third more time."""
    save_every: int = 250
    """Steps between two saves of the training state (besides each epoch's end)."""
    patience: int = 0
    """Epochs without a better validation mIoU after which the training ends; 0: it runs
    to its last epoch."""
    minutes: float = 0.0
    """Minutes that the epochs may take: the training ends before one that would not
    fit. 0: any time. Several folds share them."""
    folds: int = 0
    """Trainings of a cross-validation: the images of both splits are divided anew into
    so many parts, and each training is judged by another one. What is kept is the mean
    of their networks. 0: one training."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train; `gpu` stops with an error when there is none."""
    devices: int = 0
    """Devices of this host that share each batch; 0: every GPU, or one CPU. With
    --fit.device cpu, more than one are parts of the CPU."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile the step with XLA; auto: with JAX, and on one GPU (on a CPU TensorFlow is
    slower with it)."""
    deterministic: bool = False
    """Same seed, same weights to the bit (slower on a GPU)."""


@dataclass(frozen=True)
class Config:
    """Train a segmentation network, score it, export it.

    --augment.policy NAME (none, flip, general, road, cells,
    volume) sets all of --augment at
    once; python -m kerasseg.preview --list tells what they do, and draws it.

    A training that was stopped goes on with the same command. --restart begins it anew,
    for instance over other records. --lr-find trains nothing: it draws the loss of 100
    steps whose learning rate rises, and suggests one.
    """

    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    augment: Policy = field(default_factory=lambda: POLICIES["flip"])
    fit: Fit = field(default_factory=Fit)
    seed: int = 0
    """Decides initial weights, order of samples and augmentation."""
    name: str = ""
    """Name of the run folder, a number is added; empty: made from the recipe."""
    out: str = "saved_models"
    """Folder of runs."""
    adjust: bool = False
    """Shift class logits after the training, as kerasseg.adjust does, where that gains
    on the halves of the validation split that the shift was not found on."""
    export: bool = True
    """Write SavedModel and LiteRT files at the end, and score them."""
    formats: tuple[str, ...] = ("saved_model", "float32")
    """What --export writes, as --formats of kerasseg.export."""
    callbacks: tuple[str, ...] = ()
    """Functions of your own as MODULE:FUNCTION, called without arguments: each gives a
    list of Keras callbacks, which are called with the others. A recipe that names some
    runs their code."""
    track: Literal["none", "mlflow", "wandb"] = "none"
    """Send settings, epochs, scores and report to this tracker too (pip install
    'kerasseg[mlflow]' or 'kerasseg[wandb]')."""


def flags_of(table: Mapping[str, Any], prefix: str = "--") -> Iterator[tuple[str, Any]]:
    """The flag and the value of every setting of a nested table."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flags_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
