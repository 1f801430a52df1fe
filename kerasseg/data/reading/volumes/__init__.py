"""Reads volumes: NIfTI, NRRD, MetaImage, DICOM series, TIFF, NumPy, Zarr, slices."""
