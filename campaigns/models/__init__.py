"""Floor 1: tables and their invariants, one aggregate a file.

Importing this package registers every table with `Base.metadata`.
"""

from campaigns.models.base import Base
from campaigns.models.campaign import (
    Campaign,
    CampaignCount,
    CampaignDay,
    CampaignStatus,
    CampaignTransition,
    CampaignTurn,
)
from campaigns.models.consent import PURPOSES, ConsentEntry, ConsentState
from campaigns.models.copy import WrittenCopyRow
from campaigns.models.customer import Customer
from campaigns.models.event import Event, SlotServe
from campaigns.models.order import OrderLine
from campaigns.models.picture import Picture
from campaigns.models.product import Product
from campaigns.models.recommender import RecommenderModelRow
from campaigns.models.resolution import ResolutionVerdict, ResolvedBy, SendResolution
from campaigns.models.send import Send, SendStatus, WorkerLease
from campaigns.models.suppression import Suppression
from campaigns.models.user import ConsoleUser

__all__ = [
    "PURPOSES",
    "Base",
    "Campaign",
    "CampaignCount",
    "CampaignDay",
    "CampaignStatus",
    "CampaignTransition",
    "CampaignTurn",
    "ConsentEntry",
    "ConsentState",
    "ConsoleUser",
    "Customer",
    "Event",
    "OrderLine",
    "Picture",
    "Product",
    "RecommenderModelRow",
    "ResolutionVerdict",
    "ResolvedBy",
    "Send",
    "SendResolution",
    "SendStatus",
    "SlotServe",
    "Suppression",
    "WorkerLease",
    "WrittenCopyRow",
]
