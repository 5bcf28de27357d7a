"""Personal data: subjects, envelope encryption, one-time tags, erasure."""
