"""Assets, checks, jobs, partitions and resources: the stages as Dagster shows them."""
