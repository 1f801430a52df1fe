"""Small fingerprints of images, to find those that are equal, alike or of one video."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

SIDE = 16


def digest(image: np.ndarray) -> bytes:
    """16 bytes that only equal pixels share, whatever file they came from."""
    size = np.array(image.shape, np.int64).tobytes()
    pixels = np.ascontiguousarray(image)
    return hashlib.blake2b(size + pixels.data.tobytes(), digest_size=16).digest()


def thumbnail(image: np.ndarray) -> np.ndarray:
    """(16, 17) uint8 gray of an RGB image: all that `hashes` and `likeness` need."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)


def hashes(thumbnails: np.ndarray) -> np.ndarray:
    """(N, 256) float32 of -1 and 1: the sign of the step from each pixel to the next.

    The difference hash (Krawetz 2013, "Kind of like that", hackerfactor.com). Of two
    hashes a, b, (256 - a . b) / 2 bits differ.
    """
    steps = thumbnails[:, :, 1:] > thumbnails[:, :, :-1]
    return np.where(steps, 1, -1).reshape(len(steps), -1).astype(np.float32)


def standard(thumbnails: np.ndarray) -> np.ndarray:
    """(N, 272) float32 whose products are the correlations of the thumbnails."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
