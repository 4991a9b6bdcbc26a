"""Logs: JSON lines, or text for a person, on standard error. Stdlib loggers of the libraries go the same way."""

from __future__ import annotations

import logging as stdlib
import sys
from typing import Any

import structlog


def configure(log_format: str = "json", level: str = "info") -> None:
    """Sets up structlog for this process; `log_format` is json or text, `level` a stdlib level name."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer: Any = structlog.processors.JSONRenderer() if log_format == "json" else text
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(stdlib, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    handler = stdlib.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    stdlib.basicConfig(handlers=[handler], level=stdlib.WARNING, force=True)
