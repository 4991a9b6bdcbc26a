"""The Tenant Manager, in the older API of Cloud Director: XML below `/api/`, as its command line needs it."""

from ostiary.services.vcloud.admin import AdminServicer
from ostiary.services.vcloud.orgs import OrgsServicer
from ostiary.services.vcloud.query import QueryServicer
from ostiary.services.vcloud.session import SessionServicer
from ostiary.services.vcloud.tasks import TaskServicer
from ostiary.services.vcloud.versions import VersionsServicer

SERVICERS = (AdminServicer, OrgsServicer, QueryServicer, SessionServicer, TaskServicer, VersionsServicer)
"""The servicers of this dialect; what is not named here is not served."""
