"""FHIR R4 (4.0.1) bundles into patients and their record: reading, mapping, importing."""
