"""Where a run stands, read from its files alone: for `mimic status`. Reads what every step writes."""
