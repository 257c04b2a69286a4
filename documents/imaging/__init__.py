"""Images of DICOM files: what they show, of whom, and how they are kept."""
