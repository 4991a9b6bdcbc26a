"""References in XML: an entity is named by its address, of which the last segment is its GUID."""

from __future__ import annotations

from ostiary.http.xml_reading import XmlFields
from ostiary.ids import guid
from ostiary.services.cloudapi.references import reference
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference


def referred_to(element: XmlFields, kind: str) -> EntityReference:
    """The entity of this kind that an element names: by `href`, or by `name` where it has none."""
    address, name = element.attribute("href") or "", element.attribute("name") or ""
    if not address:
        return EntityReference(name=name)
    found = guid(address.rstrip("/").rpartition("/")[2], kind)
    return reference(kind, found, name) if found else EntityReference(id=address)
