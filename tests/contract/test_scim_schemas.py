"""The schemas of SCIM that we keep are those of scim2-models, of the version in requirements-dev.txt."""

from __future__ import annotations

import json

import pytest

from ostiary.scim.schema.published import schemas_file


@pytest.mark.parametrize("name", ["User", "Group", "EnterpriseUser"])
def test_a_kept_schema_is_the_one_of_the_models(name: str) -> None:
    import scim2_models as scim  # takes a second, which each worker of a run would spend

    model = getattr(scim, name)
    said = model.to_schema().model_dump(scim_ctx=scim.Context.RESOURCE_QUERY_RESPONSE)
    assert json.loads(schemas_file().read_text(encoding="utf-8"))[name] == said
