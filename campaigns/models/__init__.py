"""Floor 1: tables and their invariants, one aggregate a file.

Importing this package registers every table with `Base.metadata`.
"""

from campaigns.models.api_key import ApiKey
from campaigns.models.audit import AuditEntry
from campaigns.models.base import Base
from campaigns.models.brief import BriefRow
from campaigns.models.campaign import (
    NOT_BEGUN,
    Campaign,
    CampaignCount,
    CampaignDay,
    CampaignStatus,
    CampaignTransition,
    CampaignTurn,
)
from campaigns.models.click_hour import ClickHourMark, ClickHours, HourProfile
from campaigns.models.consent import PURPOSES, ConsentEntry, ConsentHead, ConsentState
from campaigns.models.contact import ContactPreference, EngagementState, Favourite
from campaigns.models.copy import WrittenCopyRow
from campaigns.models.copy_work import CopyAnswer, CopyBatch, CopyCell, CopySpend, ModelServer
from campaigns.models.customer import Customer
from campaigns.models.draft import CampaignDraft, CampaignOutlook, PictureUpload
from campaigns.models.drained_group import DrainedGroup
from campaigns.models.erasure import Erasure
from campaigns.models.event import PIXEL_SLOT, Event, SlotServe
from campaigns.models.experiment import ExperimentState, ExperimentWave
from campaigns.models.file_import import FileImport, FileImportState
from campaigns.models.idempotency import IdempotentRequest
from campaigns.models.kept_report import KeptReport, RecommenderEvaluation
from campaigns.models.message import Message, MessageStatus, MessageTemplate
from campaigns.models.notice import Notice
from campaigns.models.open_state import OpenStateRow
from campaigns.models.order import OrderLine, OrderReturn
from campaigns.models.picture import Picture
from campaigns.models.product import Product
from campaigns.models.product_picture import ProductPicture
from campaigns.models.provider_payload import ProviderPayload
from campaigns.models.recommender import RecommenderModelRow
from campaigns.models.resolution import ResolutionVerdict, ResolvedBy, SendResolution
from campaigns.models.segment import KeptSegment, SegmentCountRow
from campaigns.models.send import Send, SendStatus, WorkerLease
from campaigns.models.series import CalendarLink, QuietDay, Series, SeriesRun, SeriesState
from campaigns.models.signal import SIGNAL_KINDS, Signal
from campaigns.models.signup import Signup, SignupForm
from campaigns.models.suppression import SuppressedDomain, Suppression
from campaigns.models.test_mail import TestMail, TestMailState
from campaigns.models.trouble import CalendarOutlook, CauseTally, Retry
from campaigns.models.user import ConsoleUser, Role
from campaigns.models.webhook import (
    WEBHOOK_EVENTS,
    WebhookCursor,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookFact,
    WebhookWalk,
)

__all__ = [
    "NOT_BEGUN",
    "PIXEL_SLOT",
    "PURPOSES",
    "SIGNAL_KINDS",
    "WEBHOOK_EVENTS",
    "ApiKey",
    "AuditEntry",
    "Base",
    "BriefRow",
    "CalendarLink",
    "CalendarOutlook",
    "Campaign",
    "CampaignCount",
    "CampaignDay",
    "CampaignDraft",
    "CampaignOutlook",
    "CampaignStatus",
    "CampaignTransition",
    "CampaignTurn",
    "CauseTally",
    "ClickHourMark",
    "ClickHours",
    "ConsentEntry",
    "ConsentHead",
    "ConsentState",
    "ConsoleUser",
    "ContactPreference",
    "CopyAnswer",
    "CopyBatch",
    "CopyCell",
    "CopySpend",
    "Customer",
    "DrainedGroup",
    "EngagementState",
    "Erasure",
    "Event",
    "ExperimentState",
    "ExperimentWave",
    "Favourite",
    "FileImport",
    "FileImportState",
    "HourProfile",
    "IdempotentRequest",
    "KeptReport",
    "KeptSegment",
    "Message",
    "MessageStatus",
    "MessageTemplate",
    "ModelServer",
    "Notice",
    "OpenStateRow",
    "OrderLine",
    "OrderReturn",
    "Picture",
    "PictureUpload",
    "Product",
    "ProductPicture",
    "ProviderPayload",
    "QuietDay",
    "RecommenderEvaluation",
    "RecommenderModelRow",
    "ResolutionVerdict",
    "ResolvedBy",
    "Retry",
    "Role",
    "SegmentCountRow",
    "Send",
    "SendResolution",
    "SendStatus",
    "Series",
    "SeriesRun",
    "SeriesState",
    "Signal",
    "Signup",
    "SignupForm",
    "SlotServe",
    "SuppressedDomain",
    "Suppression",
    "TestMail",
    "TestMailState",
    "WebhookCursor",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookFact",
    "WebhookWalk",
    "WorkerLease",
    "WrittenCopyRow",
]
