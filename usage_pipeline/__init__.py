"""Usage files in, an ingestion table that can be invoiced from and billable metrics out."""
