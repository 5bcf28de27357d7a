"""Records over HTTP: FHIR R4, and JSON beside it."""
