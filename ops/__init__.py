"""Running Theriac: the embedded PostgreSQL, up, demo, doctor, test."""
