"""Videos, streams and cameras: read, segmented frame by frame, written as overlays."""
