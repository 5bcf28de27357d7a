"""GraphQL by POST: one strict request, weighed before it is validated. Plain types, no ORM."""
