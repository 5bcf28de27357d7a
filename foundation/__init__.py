"""What every app stands on: key providers, outbox, tenancy, problems, limits."""
