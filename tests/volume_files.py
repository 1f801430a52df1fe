"""Volumes in files, as other tools write them, for tests."""

from pathlib import Path

import numpy as np
import pytest

OBLIQUE = np.array(
    [
        [-0.78, 0.1, 0.3, 12.0],
        [0.12, 0.05, 2.95, -40.0],
        [0.08, 0.59, -0.2, 7.5],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
"""Of an array whose axes run to the left, to the head and to the front."""


def nifti(path: Path, array: np.ndarray, affine=None) -> Path:
    nibabel = pytest.importorskip("nibabel")
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.eye(4) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


def dicom_series(folder: Path, voxels: np.ndarray, **tags) -> Path:
    """CT slices (D, H, W) of int16 Hounsfield units, sagittal, stored with a slope of 1
    and an intercept of -1024; names in another order than places."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    series = generate_uid(entropy_srcs=["series", folder.name])
    for number, plane in enumerate(voxels):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[f"{number}"])
        head = pydicom.Dataset()
        head.file_meta = meta
        head.SOPClassUID = CTImageStorage
        head.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        head.SeriesInstanceUID, head.Modality = series, "CT"
        head.Rows, head.Columns = plane.shape
        head.PixelSpacing = [0.6, 0.8]
        head.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        head.ImagePositionPatient = [30 + 2.5 * number, -20, 15]
        head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
        head.BitsAllocated = head.BitsStored = 16
        head.HighBit, head.PixelRepresentation = 15, 0
        head.RescaleSlope, head.RescaleIntercept = 1, -1024
        head.PixelData = (plane + 1024).astype("<u2").tobytes()
        for tag, value in tags.items():
            setattr(head, tag, value)
        name = f"{(number * 7) % 100:03d}.dcm"
        head.save_as(folder / name, enforce_file_format=True)
    return folder
