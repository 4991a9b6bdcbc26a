"""Identity tokens of CSP with the claims that did not fit into them."""

from __future__ import annotations

import grpc

from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary.transport.steps.authentication import bearer_token
from ostiary_api.csp.v1 import check_id_token_pb2 as pb
from ostiary_api.csp.v1 import check_id_token_pb2_grpc

_CLAIMS = frozenset(pb.IdTokenClaims.DESCRIPTOR.fields_by_name)


class CheckIdTokenServicer(check_id_token_pb2_grpc.CheckIdTokenServiceServicer):
    """Expands identity tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._identity_tokens = runtime.oauth.identity_tokens

    def CheckIdToken(self, request: pb.CheckIdTokenRequest, context: grpc.ServicerContext) -> pb.IdTokenClaims:
        call = current_call()
        claims = self._identity_tokens.expanded(call.work, bearer_token(call.metadata))
        return pb.IdTokenClaims(**{name: value for name, value in claims.items() if name in _CLAIMS})
