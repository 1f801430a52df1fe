"""The permutohedral lattice: a Gaussian over points in several dimensions, quickly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from kerasseg import UserError


def gaussian(features: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Gaussian of unit standard deviation over points (N, d), by splat, blur and slice.

    Adams, Baek, Davis 2010. Points are put into the simplices of the lattice A_d* by
    barycentric weights, vertices blurred by (1/2, 1, 1/2) along each of d + 1 axes.
    Each of these steps is a sparse matrix.

    Returns:
        A function of values (N, C) float32: their sums (N, C) under the Gaussian.

    Raises:
        UserError: when the lattice has too many cells.
    """
    dimensions = features.shape[1]
    vertices, weights = simplices(features)
    keys, radix = _pack(vertices.reshape(-1, dimensions + 1)[:, :-1])
    keys, index = np.unique(keys, return_inverse=True)
    gain = 1 / (1 + 2.0**-dimensions)
    spread = _rows(index.reshape(weights.shape), gain * weights, len(keys))
    gather = _rows(index.reshape(weights.shape), weights, len(keys)).T.tocsr()
    blurs = [_blur(keys, step) for step in _axis_steps(dimensions, radix)]

    def apply(values):
        lattice = gather @ values
        for blur in blurs:
            lattice = blur @ lattice
        return spread @ lattice

    return apply


def simplices(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The d + 1 vertices (N, d + 1, d + 1) int around each point and their weights."""
    points, d = features.shape
    # Onto the plane of sum 0 in d + 1 dimensions, blur of the lattice = variance 1.
    scale = (
        np.sqrt(2 / 3) * (d + 1) / np.sqrt(np.arange(1, d + 1) * np.arange(2, d + 2))
    )
    scaled = features * scale
    tail = np.cumsum(scaled[:, ::-1], axis=1)[:, ::-1]  # sum of scaled[i:]
    elevated = np.zeros((points, d + 1))
    elevated[:, :d] = tail
    elevated[:, 1:] -= np.arange(1, d + 1) * scaled

    # The nearest vertex of remainder 0, and the order of the coordinates around it.
    nearest = np.round(elevated / (d + 1)).astype(np.int64)
    surplus = nearest.sum(1, keepdims=True)
    nearest *= d + 1
    order = np.argsort(nearest - elevated, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(d + 1)[None], axis=1)
    rank += surplus
    wrapped = (rank < 0).astype(np.int64) - (rank > d)
    nearest += wrapped * (d + 1)
    rank += wrapped * (d + 1)

    # Barycentric weights: differences of the sorted distances to that vertex.
    distance = (elevated - nearest) / (d + 1)
    ordered = np.empty_like(distance)
    np.put_along_axis(ordered, rank, distance, axis=1)  # falling
    weights = np.empty((points, d + 1))
    weights[:, 1:] = (ordered[:, :-1] - ordered[:, 1:])[:, ::-1]
    weights[:, 0] = 1 - weights[:, 1:].sum(1)
    remainder = np.arange(d + 1)[None, :, None]
    step = remainder - (d + 1) * (rank[:, None, :] > d - remainder)
    return nearest[:, None, :] + step, weights


def _pack(coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integer rows -> one int64 each, with room for a step along any lattice axis."""
    dimensions = coordinates.shape[1]
    low = coordinates.min(0) - dimensions - 1
    ranges = coordinates.max(0) + dimensions + 1 - low + 1
    if np.prod(ranges.astype(float)) > 2.0**62:
        raise UserError(
            "The lattice has too many cells for 64-bit keys: enlarge sa or sb, or pass "
            "exact=True for a small image."
        )
    radix = np.array([int(np.prod(ranges[i + 1 :])) for i in range(dimensions)])
    return (coordinates - low) @ radix, radix


def _axis_steps(dimensions: int, radix: np.ndarray) -> list[int]:
    """Packed steps to the next vertex along each of the d + 1 lattice axes."""
    steps = np.ones((dimensions + 1, dimensions), np.int64)
    steps[range(dimensions), range(dimensions)] -= dimensions + 1
    return [int(step @ radix) for step in steps]


def _blur(keys: np.ndarray, step: int) -> sparse.csr_matrix:
    """(1/2, 1, 1/2) along one axis. Vertices that no point touches count as 0."""
    count = len(keys)
    after = np.searchsorted(keys, keys + step)
    here = np.flatnonzero(keys[np.minimum(after, count - 1)] == keys + step)
    columns = np.repeat(np.arange(count)[:, None], 3, axis=1)  # before, itself, after
    weights = np.tile(np.array([0.0, 1.0, 0.0], np.float32), (count, 1))
    columns[here, 2], weights[here, 2] = after[here], 0.5
    columns[after[here], 0], weights[after[here], 0] = here, 0.5
    return _rows(columns, weights, count)


def _rows(columns: np.ndarray, weights: np.ndarray, width: int) -> sparse.csr_matrix:
    """Sparse float32 matrix with the same number of entries (N, k) in each row."""
    height, entries = columns.shape
    starts = np.arange(height + 1, dtype=np.int32) * entries
    flat = weights.astype(np.float32).ravel(), columns.astype(np.int32).ravel(), starts
    return sparse.csr_matrix(flat, shape=(height, width))
