"""Figures of this process for Prometheus: how long requests, pages and Stripe's answers take."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUEST_SECONDS = Histogram(
    "onfile_request_seconds",
    "Time to the answer of a request, by route.",
    ("route", "method", "status"),
    registry=REGISTRY,
    buckets=_SECONDS,
)
PAGE_SECONDS = Histogram(
    "onfile_page_seconds",
    "Time to draw a page in the server.",
    ("page",),
    registry=REGISTRY,
    buckets=_SECONDS,
)
STRIPE_SECONDS = Histogram(
    "onfile_stripe_seconds",
    "Time to an answer of Stripe, by method and status; 0 where none came.",
    ("method", "status"),
    registry=REGISTRY,
    buckets=_SECONDS,
)
