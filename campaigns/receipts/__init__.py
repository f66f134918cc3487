"""What providers, customers and machines report about deliveries, and what follows from it (H-35 to H-38).

Every fact takes the same road, whatever its door: an `Event` of one delivery is stored once (`recording`), the ledger
row is derived anew from the set of its events, the tally is corrected by the difference in the same transaction.
"""

from campaigns.receipts.ageing import age
from campaigns.receipts.reports import Applied, apply

__all__ = ["Applied", "age", "apply"]
