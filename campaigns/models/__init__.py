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
from campaigns.models.drained_group import DrainedGroup
from campaigns.models.event import PIXEL_SLOT, Event, SlotServe
from campaigns.models.open_state import OpenStateRow
from campaigns.models.order import OrderLine
from campaigns.models.picture import Picture
from campaigns.models.product import Product
from campaigns.models.product_picture import ProductPicture
from campaigns.models.recommender import RecommenderModelRow
from campaigns.models.resolution import ResolutionVerdict, ResolvedBy, SendResolution
from campaigns.models.send import Send, SendStatus, WorkerLease
from campaigns.models.suppression import Suppression
from campaigns.models.user import ConsoleUser

__all__ = [
    "PIXEL_SLOT",
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
    "DrainedGroup",
    "Event",
    "OpenStateRow",
    "OrderLine",
    "Picture",
    "Product",
    "ProductPicture",
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
