"""What a run costs: prices, credits that were spent, and whether more may be sent."""
