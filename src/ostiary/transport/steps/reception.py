"""Reception, the outermost step: the request gets its id, its log line and its metrics; grpc gets an answer or an
abort."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ostiary.caller import check_awaited
from ostiary.errors import DomainError, Kind
from ostiary.ids import Entropy
from ostiary.later import Later
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy
from ostiary.transport.call import Call, entered
from ostiary.transport.dialects import html_page
from ostiary.transport.observation import Observer
from ostiary.transport.pipeline import Proceed
from ostiary.transport.rules import DEPRECATED_SINCE, Rules, successor_link
from ostiary.transport.steps.errors import unforeseen

_CODES: dict[Kind, int] = {
    Kind.INVALID: code_pb2.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: code_pb2.UNAUTHENTICATED,
    Kind.DENIED: code_pb2.PERMISSION_DENIED,
    Kind.NOT_FOUND: code_pb2.NOT_FOUND,
    Kind.METHOD_NOT_ALLOWED: code_pb2.UNIMPLEMENTED,
    Kind.NOT_ACCEPTABLE: code_pb2.INVALID_ARGUMENT,
    Kind.REQUEST_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
    Kind.CONFLICT: code_pb2.ALREADY_EXISTS,
    Kind.GONE: code_pb2.FAILED_PRECONDITION,
    Kind.PRECONDITION_FAILED: code_pb2.FAILED_PRECONDITION,
    Kind.TOO_LARGE: code_pb2.INVALID_ARGUMENT,
    Kind.UNSUPPORTED_TYPE: code_pb2.INVALID_ARGUMENT,
    Kind.LIMITED: code_pb2.RESOURCE_EXHAUSTED,
    Kind.HEADERS_TOO_LARGE: code_pb2.INVALID_ARGUMENT,
    Kind.CANCELLED: code_pb2.CANCELLED,
    Kind.INTERNAL: code_pb2.INTERNAL,
    Kind.UNIMPLEMENTED: code_pb2.UNIMPLEMENTED,
    Kind.UNAVAILABLE: code_pb2.UNAVAILABLE,
    Kind.DEADLINE_EXCEEDED: code_pb2.DEADLINE_EXCEEDED,
}
ERROR_DOMAIN = "ostiary"


class Reception:
    """Receives a request and sends the answer. The only place that aborts an RPC."""

    def __init__(self, store: Store, tenancy: Tenancy, entropy: Entropy, observer: Observer) -> None:
        self._store = store
        self._tenancy = tenancy
        self._entropy = entropy
        self._observer = observer

    def __call__(self, rules: Rules, request: Message, context: grpc.ServicerContext, proceed: Proceed) -> Any:
        """Runs the path; the log line and the metrics see how it ended."""
        started = time.perf_counter_ns()
        call = self._call(rules, context)

        def path() -> Any:
            check_awaited(context)  # the request may have waited for a thread
            with entered(call):
                return proceed(call, request)

        return self._end(call, started, path)

    def _end(self, call: Call, started: int, path: Callable[[], Any]) -> Any:
        """Runs the path to its end; or notes that this is to be done when its answer comes."""
        failure: DomainError | None = None
        answer: Any = None
        try:
            answer = path()
            if isinstance(answer, Later):
                return answer.around(lambda value: self._end(call, started, value))
            if not call.rules.changes:  # what was committed is committed, even if the client has disconnected
                check_awaited(call.context)
        except DomainError as error:
            failure = error
        except Exception:  # noqa: BLE001 - the outermost try: grpc would send the exception's text to the client
            failure = unforeseen(call)
        self._observer.saw(call, failure, time.perf_counter_ns() - started)
        if failure is not None:
            _abort(call, failure, call.context)
        _send_headers(call, call.context)
        return answer

    def _call(self, rules: Rules, context: grpc.ServicerContext) -> Call:
        metadata = {  # of several the first
            name: value if isinstance(value, str) else value.decode("latin-1")
            for name, value in reversed(context.invocation_metadata())
        }
        request_id = metadata.get("x-request-id") or self._entropy.token_bytes(16).hex()
        return Call(rules, self._store, self._tenancy, metadata, request_id[:64], context=context)


def _send_headers(call: Call, context: grpc.ServicerContext) -> None:
    """Sends initial metadata, only where the answer is not a plain 200: it costs a tenth of an RPC."""
    headers = [*call.headers, *_deprecation(call.rules)]
    status = call.http_status or call.rules.success_status
    if call.is_rest and status != 200:
        headers.append(("x-http-status", str(status)))
    if headers:
        context.send_initial_metadata(tuple(headers))


def _deprecation(rules: Rules) -> list[tuple[str, str]]:
    """RFC 9745 and RFC 8288: what is deprecated, and what replaces it."""
    if not rules.deprecated:
        return []
    link = [("link", successor_link(rules.successor))] if rules.successor else []
    return [("deprecation", DEPRECATED_SINCE), *link]


def _abort(call: Call, failure: DomainError, context: grpc.ServicerContext) -> None:
    """REST gets the body of its dialect through the gateway; native gRPC a status with ErrorInfo (AIP-193)."""
    headers: list[tuple[str, str]] = _deprecation(call.rules)
    retry_after = failure.facts.get("retry_after")
    if retry_after is not None:
        headers.append(("retry-after", str(retry_after)))
    code = _CODES[failure.kind]
    if call.is_rest:
        body = call.rules.dialect.render(failure, call.metadata["x-envoy-original-path"])
        if call.rules.options.browser and html_page.prefers_html(call.metadata.get("accept", "")):
            languages = call.metadata.get("accept-language", "")
            body = html_page.render(failure, body, languages, call.request_id)
        headers += [*body.headers, ("x-http-status", str(body.status)), ("x-http-content-type", body.content_type)]
        context.set_trailing_metadata((*headers, ("x-http-error", body.text)))
        context.abort(_GRPC_CODES[code], failure.reason)
    details = any_pb2.Any()
    facts = {name: str(value) for name, value in failure.facts.items()}
    details.Pack(error_details_pb2.ErrorInfo(reason=failure.reason, domain=ERROR_DOMAIN, metadata=facts))
    status = status_pb2.Status(code=code, message=failure.message, details=[details])
    context.set_trailing_metadata((*headers, ("grpc-status-details-bin", status.SerializeToString())))
    context.abort(_GRPC_CODES[code], failure.message)


_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}
